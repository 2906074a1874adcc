/**
 * Links by which a member sets a password, once. Whoever manages the member makes the link and hands it over (or a mail
 * does); so the password is good in this organization alone, whatever else the person's account is good for.
 */
import { type Clock, DAY } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRecentIfPossible } from '../access/recent-sign-in.ts';
import { revokeSessions } from '../credentials/held-credentials.ts';
import { removeEach } from '../directory/each-row.ts';
import { requireRow } from '../directory/missing.ts';
import type { PasswordLink } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { memberState } from './member-state.ts';
import { requireLength, setOrganizationPassword } from './organization-password.ts';
import { requireManages } from './role-rules.ts';
import { isSelf } from './user-account-writes.ts';

const LIFETIME_MS = 3 * DAY;
const SECRET_LENGTH = 40;
/** `<organization>-<secret>`: the organization only says where to look. */
const LINK = /^([1-9]\d{0,15})-([A-Za-z0-9]{40})$/u;

/** The path of the page; the link's text follows. */
export const PASSWORD_LINK_PATH = '/login/password/';

export interface PasswordLinks {
  /**
   * The text of a new link, which ends those before it. Errors: `not_found`, `forbidden` (a role above the actor's),
   * `conflict` (who has not joined, or is kept by a directory, sets no password here).
   */
  create(
    actor: Actor,
    membership: number,
    origin: AuditOrigin,
  ): Promise<{ readonly link: string; readonly expiresAt: number }>;
  /** Whose password a link sets; undefined when it is used, expired or unknown. */
  memberOf(link: string): Promise<Membership | undefined>;
  /** Sets it, ends the link and the member's sessions. Errors: `invalid` (password), `not_found` (the link). */
  use(link: string, password: string): Promise<void>;
}

export interface PasswordLinksParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly hashPassword: (password: string) => Promise<string>;
}

interface Found {
  readonly link: PasswordLink;
  readonly member: Membership;
}

export function createPasswordLinks({
  store,
  clock,
  random,
  hashPassword,
}: PasswordLinksParts): PasswordLinks {
  const find = async (reader: Reader, text: string, now: number): Promise<Found | undefined> => {
    const [, org, secret] = LINK.exec(text) ?? [];
    if (org === undefined || secret === undefined || !Number.isSafeInteger(Number(org))) return undefined;
    const key = { secretHash: sha256Hex(secret) };
    const link = await reader.get('passwordLink', Number(org), key);
    if (link === undefined || link.expiresAt <= now) return undefined;
    const member = await reader.get('membership', link.org, link.membership);
    return member === undefined || member.suspendedAt !== null ? undefined : { link, member };
  };

  return {
    create: async (actor, membership, origin) => {
      authorize(actor, 'members:write');
      const secret = randomSecret(random, SECRET_LENGTH);
      return store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', actor.org, membership);
        requireManages(actor, member.role);
        if (isSelf(actor, member.id)) await requireRecentIfPossible(tx, actor, tx.now);
        if (memberState(member) === 'invited') {
          throw new AppError('conflict', 'the person has not accepted the invitation yet');
        }
        if (member.managedBy === 'directory') {
          throw new AppError('conflict', 'the person signs in by the directory');
        }
        await endPasswordLinks(tx, member);
        const expiresAt = tx.now + LIFETIME_MS;
        await tx.insert('passwordLink', {
          org: actor.org,
          secretHash: sha256Hex(secret),
          membership: member.id,
          createdAt: tx.now,
          expiresAt,
          ...byColumnsOf(actor),
        });
        audit(tx, member, 'password link');
        return { link: `${actor.org}-${secret}`, expiresAt };
      });
    },
    memberOf: async (link) => (await find(store, link, clock.now()))?.member,
    use: async (text, password) => {
      requireLength(password);
      const gone = (): AppError => new AppError('not_found', 'this link is not good any more');
      const found = await find(store, text, clock.now());
      // Hashing is dear: only whoever holds a link may ask for it.
      if (found === undefined) throw gone();
      const secretHash = await hashPassword(password);
      const by = { kind: 'membership', id: String(found.member.id), name: loginName(found.member) } as const;
      await store.write({ orgs: [found.member.org], by, origin: 'native-api' }, async (tx) => {
        const present = await find(tx, text, tx.now);
        if (present === undefined) throw gone();
        const { member } = present;
        await endPasswordLinks(tx, member);
        await setOrganizationPassword(tx, member, secretHash);
        // Who knew the old password may hold one.
        await revokeSessions(tx, member.org, member.id);
        audit(tx, member, 'password');
      });
    },
  };
}

const audit = (tx: Tx, member: Membership, field: string): void =>
  tx.audit(member.org, {
    verb: 'update',
    objectKind: 'membership',
    objectId: member.id,
    objectName: loginName(member),
    field,
  });

/** Also when the member gets another role: whoever made one then might not make it now. */
export async function endPasswordLinks(tx: Tx, { org, id }: Membership): Promise<void> {
  await removeEach(tx, 'passwordLink', org, { membership: id });
}
