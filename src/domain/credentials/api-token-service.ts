/** API tokens of members: what a person puts into a provider block or an SDK. */

import { DAY, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { columnsOfBy } from '../access/actor.ts';
import { isScope } from '../access/scopes.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin, By } from '../model/operations.ts';
import { loginName } from '../organizations/names.ts';
import type { Store } from '../ports/store.ts';
import { insertToken } from './insert-token.ts';

const MAX_LIFETIME_MS = 366 * DAY;
const MAX_DESCRIPTION = 50;
const MAX_SCOPES = 100;

export interface NewApiToken {
  readonly org: number;
  readonly membership: number;
  /** `['all']` for everything that the member's role allows. */
  readonly scopes: readonly string[];
  readonly lifetimeMs: number;
  readonly description: string;
}

export interface CreatedApiToken {
  readonly credential: Credential;
  /** Shown once. */
  readonly token: string;
}

export interface ApiTokenService {
  /** Errors: `invalid` (scopes, expires, description), `not_found`, `conflict` (the member may not sign in). */
  create(input: NewApiToken, by: By, origin: AuditOrigin): Promise<CreatedApiToken>;
}

function check({ scopes, lifetimeMs, description }: NewApiToken): void {
  const unknown = scopes.find((scope) => !isScope(scope));
  if (unknown !== undefined) throw invalid(`there is no scope "${unknown}"`, 'scopes');
  if (scopes.length === 0 || scopes.length > MAX_SCOPES)
    throw invalid(`a token has 1 to ${MAX_SCOPES} scopes`, 'scopes');
  if (lifetimeMs < SECOND || lifetimeMs > MAX_LIFETIME_MS) {
    throw invalid('a token lives from one second to 366 days', 'expires');
  }
  if (description.length > MAX_DESCRIPTION) {
    throw invalid(`the description has at most ${MAX_DESCRIPTION} characters`, 'description');
  }
}

export function createApiTokenService(parts: {
  readonly store: Store;
  readonly random: Random;
}): ApiTokenService {
  const { store, random } = parts;
  return {
    create: async (input, by, origin) => {
      check(input);
      const { org, membership, description } = input;
      return store.write({ orgs: [org], by, origin }, async (tx) => {
        const member = await tx.get('membership', org, membership);
        if (member === undefined) throw new AppError('not_found', 'there is no such member');
        if (member.suspendedAt !== null || member.joinedAt === null || member.approvedAt === null) {
          throw new AppError(
            'conflict',
            'the member is not active: let the person join or restore access first',
          );
        }
        const { credential, token } = await insertToken(tx, random, {
          org,
          kind: 'api',
          ownerKind: 'membership',
          owner: member.id,
          name: description,
          scopes: input.scopes,
          expiresAt: tx.now + input.lifetimeMs,
          ...columnsOfBy(by),
        });
        tx.audit(org, {
          verb: 'create',
          objectKind: 'credential',
          objectId: credential.id,
          objectName: description,
          after: { kind: credential.kind, scopes: input.scopes, owner: loginName(member) },
        });
        return { credential, token };
      });
    },
  };
}
