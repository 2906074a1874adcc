/** Ids that a bucket's owner puts into the trust policy of a role, so that this installation alone may take the role on. */
import { AppError, notFound } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { AwsRoles } from '../ports/aws-roles.ts';
import type { Store } from '../ports/store.ts';
import { checkRoleArn } from './log-stream-rules.ts';
import { openToOthers } from './organization-proof.ts';

export interface AwsExternalIds {
  /**
   * A new id; `reusable`: the one that was made so before, as long as no log stream writes under it.
   * Errors: `too_large` with too many of them.
   */
  create(actor: Actor, reusable: boolean, origin: AuditOrigin): Promise<Row<'awsExternalId'>>;
  /**
   * Whether a role can be taken on with this id, and not without it. Resolves with what is wrong, or undefined.
   * Errors: `invalid`; `not_found` for an id that the organization does not have.
   */
  validate(actor: Actor, externalId: string, roleArn: string): Promise<string | undefined>;
}

/** The service for roles answers alike in all regions. */
const REGION = 'us-east-1';

/** They are kept for good: a role may trust any of them. */
const MAX_IDS = 1_000;

const VERSION_4 = 0x40;
const VARIANT = 0x80;

/** A random UUID (RFC 9562, version 4). */
function randomUuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | VERSION_4;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | VARIANT;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export function createAwsExternalIds({
  store,
  random,
  roles,
}: {
  readonly store: Store;
  readonly random: Random;
  readonly roles: AwsRoles;
}): AwsExternalIds {
  return {
    create: (actor, reusable, origin) => {
      authorize(actor, 'log-streams:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const { org } = actor;
        const [known] = reusable ? await tx.find('awsExternalId', org, { reusable: true }) : [];
        if (known !== undefined) return known;
        if ((await tx.count('awsExternalId', org, {})) >= MAX_IDS) {
          throw new AppError('too_large', `an organization has at most ${MAX_IDS} external ids`);
        }
        const made = await tx.insert('awsExternalId', {
          org,
          id: tx.newId(),
          externalId: randomUuid(random),
          reusable,
          createdAt: tx.now,
        });
        tx.audit(org, {
          verb: 'create',
          objectKind: 'awsExternalId',
          objectId: made.id,
          objectName: made.externalId,
        });
        return made;
      });
    },
    validate: async (actor, externalId, roleArn) => {
      authorize(actor, 'log-streams:write');
      const [known] = await store.find('awsExternalId', actor.org, { externalId }, 1);
      if (known === undefined) throw notFound('external id');
      checkRoleArn(roleArn, 'roleArn');
      try {
        const role = { org: actor.org, roleArn, region: REGION };
        const withId = await roles.assume({ ...role, externalId });
        if ('reason' in withId) return `the role cannot be taken on with this external id: ${withId.reason}`;
        // Else anybody who has an account here could have logs written under the role.
        return await openToOthers(roles, role);
      } catch (error) {
        return `it could not be found out: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
  };
}
