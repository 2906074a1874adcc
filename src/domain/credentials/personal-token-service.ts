/**
 * Personal access tokens: what a person, or whoever manages them, makes for a program that acts as them. They end when the
 * person's role or groups change.
 *
 * Errors of all: `not_found`, `invalid`; `forbidden` for tokens of somebody whom the actor does not manage.
 */
import { DAY } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import { isWhole, requireSelf } from '../access/self.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import { memberState } from '../people/member-state.ts';
import { requireManages } from '../people/role-rules.ts';
import type { Store } from '../ports/store.ts';
import { insertToken } from './insert-token.ts';

export interface NewPersonalToken {
  readonly membership: number;
  readonly name: string;
  /** Null: a year from now. */
  readonly expiresAt: number | null;
}

export interface PersonalToken {
  readonly credential: Credential;
  readonly lastUsed: number | null;
}

export interface PersonalTokenService {
  create(
    actor: Actor,
    input: NewPersonalToken,
    origin: AuditOrigin,
  ): Promise<{
    readonly credential: Credential;
    readonly member: Membership /** Shown once. */;
    readonly token: string;
  }>;
  /** Those of a member that were not revoked, the oldest first. Members with `members:read` see everybody's. */
  list(actor: Actor, membership: number): Promise<readonly PersonalToken[]>;
  /** At once, for every process. */
  revoke(actor: Actor, credential: number, origin: AuditOrigin): Promise<void>;
}

const DEFAULT_LIFETIME = 365 * DAY;
/** Later times do not fit the dates that programs reckon with. */
const LATEST = Date.UTC(9999, 0, 1);
const MAX_NAME = 255;
const MAX_TOKENS = 1_000;

const mayNot = (): AppError =>
  new AppError('forbidden', 'not allowed: not-yours', { details: { reason: 'not-yours' } });

/** Oneself; the owner everybody; who manages people, those who administrate nothing. */
function requireMayHold(actor: Actor, member: Membership): void {
  if (actor.kind === 'member' && actor.membership === member.id) {
    requireSelf(actor, 'write');
    return;
  }
  const owner = actor.kind === 'member' && actor.role === 'owner' && isWhole(actor);
  if (owner) return;
  // A token acts with all that its person may: who makes one for another must be able to manage that person.
  const manages = actor.kind === 'member' && isWhole(actor) && actor.permissions.has('members:write');
  if (!manages || ADMINISTRATIVE_ROLES.has(member.role)) throw mayNot();
  requireManages(actor, member.role);
}

export function createPersonalTokens({
  store,
  random,
}: {
  readonly store: Store;
  readonly random: Random;
}): PersonalTokenService {
  const requireMember = async (actor: Actor, id: number): Promise<Membership> => {
    const member = await store.get('membership', actor.org, id);
    if (member === undefined || member.joinedAt === null) throw notFound('user');
    return member;
  };
  const where = (membership: number) =>
    ({ kind: 'pat', ownerKind: 'membership', owner: membership, revokedAt: null }) as const;

  return {
    create: async (actor, input, origin) => {
      const name = input.name.trim();
      if (name === '') throw invalid('name is required', 'name');
      if (name.length > MAX_NAME || /\p{Cc}/u.test(name)) {
        throw invalid(`name must have at most ${MAX_NAME} characters and no control characters`, 'name');
      }
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const member = await tx.get('membership', org, input.membership);
        if (member === undefined || member.joinedAt === null) throw notFound('user');
        requireMayHold(actor, member);
        if (memberState(member) !== 'active') throw invalid('the user is not active', 'user_name');
        const expiresAt = input.expiresAt ?? tx.now + DEFAULT_LIFETIME;
        if (expiresAt <= tx.now || expiresAt > LATEST) {
          throw invalid('expires_at must be a time to come', 'expires_at');
        }
        if ((await tx.count('credential', org, { where: where(member.id) })) >= MAX_TOKENS) {
          throw new AppError('too_large', `more than ${MAX_TOKENS} access tokens`);
        }
        const { credential, token } = await insertToken(tx, random, {
          org,
          kind: 'pat',
          ownerKind: 'membership',
          owner: member.id,
          name,
          scopes: ['all'],
          expiresAt,
          ...byColumnsOf(actor),
        });
        tx.audit(org, {
          verb: 'create',
          objectKind: 'credential',
          objectId: credential.id,
          objectName: name,
          after: { kind: credential.kind, owner: loginName(member) },
        });
        return { credential, member, token };
      });
    },

    list: async (actor, membership) => {
      const own = actor.kind === 'member' && actor.membership === membership;
      if (own) requireSelf(actor, 'self:read');
      else authorize(actor, 'members:read');
      await requireMember(actor, membership);
      const { org } = actor;
      const held = await store.find('credential', org, where(membership), MAX_TOKENS);
      const seen = await store.find(
        'credentialSeen',
        org,
        { credential: held.map(({ id }) => id) },
        MAX_TOKENS,
      );
      const lastUsed = new Map(seen.map((one) => [one.credential, one.lastUsed]));
      return held.map((credential) => ({ credential, lastUsed: lastUsed.get(credential.id) ?? null }));
    },

    revoke: async (actor, id, origin) => {
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const credential = await tx.get('credential', org, id);
        const pat = credential?.kind === 'pat' && credential.ownerKind === 'membership';
        if (credential === undefined || !pat || credential.revokedAt !== null) throw notFound('token');
        const member = await tx.get('membership', org, credential.owner);
        if (member === undefined) throw notFound('token');
        requireMayHold(actor, member);
        await tx.update('credential', org, id, { revokedAt: tx.now });
        tx.audit(org, {
          verb: 'revoke',
          objectKind: 'credential',
          objectId: id,
          objectName: credential.name,
        });
      });
    },
  };
}
