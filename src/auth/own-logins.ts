/**
 * A person's own ways to sign in. What is good everywhere is shown and removed only by a session that is good everywhere; an
 * organization's session sees what is good in that organization.
 */
import { type Actor, byOf } from '../domain/access/actor.ts';
import type { Identity } from '../domain/model/people.ts';
import { requireLength } from '../domain/people/organization-password.ts';
import { endSessionsOf } from '../domain/people/session-end.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { AppError, notFound } from '../kernel/errors.ts';
import type { AttemptLimiter } from './attempt-limiter.ts';
import type { Passwords } from './password.ts';

type Member = Extract<Actor, { readonly kind: 'member' }>;
const KINDS = ['password', 'passkey', 'sso', 'oidc'] as const;
type LoginKind = (typeof KINDS)[number];

export interface OwnLogin {
  readonly id: number;
  readonly kind: LoginKind;
  /** What the person called it, or what it is at the provider. */
  readonly name: string;
  readonly everywhere: boolean;
  readonly createdAt: number;
  readonly lastUsed: number | null;
  readonly removable: boolean;
  /** A passkey that is asked for after the password as well. */
  readonly afterPassword: boolean;
}

export interface OwnLogins {
  /** In the order of their making. */
  list(actor: Member): Promise<OwnLogin[]>;
  /**
   * Removes a passkey or a provider, and ends the sessions that it opened, but for the present one.
   * Errors: `not_found`, `conflict` (it is the only way in).
   */
  remove(actor: Member, id: number): Promise<void>;
  /**
   * Another password in place of one's own, and an end to the sessions that the old one opened, but for the present one.
   * False when `present` is not the password. Errors: `not_found`, `invalid` (the new one), `rate_limited`.
   */
  changePassword(actor: Member, id: number, present: string, next: string): Promise<boolean>;
}

export interface OwnLoginsParts {
  readonly store: Store;
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>;
  readonly limiter: AttemptLimiter;
}

const FAILURES = 10;

const isLogin = (identity: Identity): identity is Identity & { readonly kind: LoginKind } =>
  (KINDS as readonly string[]).includes(identity.kind);

const nameOf = ({ kind, data, email, issuer }: Identity): string => {
  if (kind === 'passkey') return typeof data.name === 'string' ? data.name : '';
  return kind === 'password' ? '' : (email ?? issuer);
};

export function createOwnLogins({ store, passwords, limiter }: OwnLoginsParts): OwnLogins {
  const placesOf = async (actor: Member) => {
    const session =
      actor.credential === null
        ? undefined
        : await store.get('session', actor.org, { credential: actor.credential.id });
    if (session === undefined) throw new AppError('forbidden', 'sign in for that');
    const places = session.identityOrg === INSTALLATION ? [INSTALLATION, actor.org] : [actor.org];
    return { account: session.account, places };
  };
  const identitiesOf = async (actor: Member) => {
    const { account, places } = await placesOf(actor);
    const found: Identity[] = [];
    for (const org of places) found.push(...(await store.find('identity', org, { account })));
    return { account, own: found.filter(isLogin).sort((a, b) => a.id - b.id) };
  };

  /** Those in which it may have opened sessions. */
  const orgsOf = async (actor: Member, { org, account }: Identity): Promise<number[]> => {
    const elsewhere = org === INSTALLATION ? await store.queries.accountMemberships(account) : [];
    return [...new Set([org, actor.org, ...elsewhere.map((there) => there.org)])];
  };

  return {
    list: async (actor) => {
      const { own } = await identitiesOf(actor);
      return own.map((identity) => ({
        id: identity.id,
        kind: identity.kind,
        name: nameOf(identity),
        everywhere: identity.org === INSTALLATION,
        createdAt: identity.createdAt,
        lastUsed: identity.lastUsed,
        afterPassword: identity.data.afterPassword === true,
        removable: identity.kind !== 'password' && own.length > 1,
      }));
    },
    remove: async (actor, id) => {
      const { account, own } = await identitiesOf(actor);
      const identity = own.find((one) => one.id === id);
      if (identity === undefined || identity.kind === 'password') throw notFound('way to sign in');
      const orgs = await orgsOf(actor, identity);
      const by = byOf(actor);
      await store.write({ orgs, by, origin: 'native-api' }, async (tx) => {
        // Counted in the write: of two that are removed at once one stays.
        let left = 0;
        for (const org of new Set([INSTALLATION, actor.org])) {
          left += (await tx.find('identity', org, { account, kind: KINDS })).length;
        }
        if (left <= 1) throw new AppError('conflict', 'this is your only way to sign in: add another first');
        await tx.remove('identity', identity.org, id);
        for (const org of orgs) {
          if (org !== INSTALLATION) await endSessionsOf(tx, org, [identity], actor.credential?.id);
          tx.audit(org, {
            verb: 'delete',
            objectKind: 'identity',
            objectId: account,
            objectName: actor.name,
            details: `${identity.kind} ${nameOf(identity)}`.trim(),
          });
        }
      });
    },
    changePassword: async (actor, id, present, next) => {
      const { own } = await identitiesOf(actor);
      const identity = own.find((one) => one.id === id && one.kind === 'password');
      if (identity === undefined) throw notFound('way to sign in');
      requireLength(next);
      const key = `own password ${id}`;
      limiter.check([{ key, limit: FAILURES }]);
      // Counted before it is tried, as codes are.
      limiter.failed([{ key, limit: FAILURES }]);
      if (!(await passwords.verify(present, identity.secretHash))) return false;
      limiter.succeeded(key);
      const secretHash = await passwords.hash(next);
      const orgs = await orgsOf(actor, identity);
      return store.write({ orgs, by: byOf(actor), origin: 'native-api' }, async (tx) => {
        const still = await tx.get('identity', identity.org, id);
        // Somebody else changed it meanwhile: what was shown is not the password any more.
        if (still?.secretHash !== identity.secretHash) return false;
        await tx.update('identity', identity.org, id, { secretHash });
        for (const org of orgs) {
          if (org !== INSTALLATION) await endSessionsOf(tx, org, [identity], actor.credential?.id);
          tx.audit(org, {
            verb: 'update',
            objectKind: 'identity',
            objectId: identity.account,
            objectName: actor.name,
            details: 'password',
          });
        }
        return true;
      });
    },
  };
}
