/**
 * Signing in with a password, for every dialect that has one. Whoever fails learns nothing but that it failed: an unknown
 * name, a name without a password and a wrong password take as long and answer alike.
 */
import { createToken } from '../domain/credentials/token.ts';
import type { AuditOrigin } from '../domain/model/operations.ts';
import type { Identity, Membership } from '../domain/model/people.ts';
import { memberState } from '../domain/people/member-state.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { normalizeKey } from '../kernel/text.ts';
import type { AttemptKey, AttemptLimiter } from './attempt-limiter.ts';
import type { Passwords } from './password.ts';

const FAILURES_PER_NAME = 10;
const FAILURES_PER_ADDRESS = 100;
const MAX_LOGIN_LENGTH = 320;

export interface PasswordAttempt {
  readonly org: number;
  /** User name or e-mail address. */
  readonly login: string;
  readonly password: string;
  /** The caller's address, to count failures by. */
  readonly address: string;
}

export type PasswordOutcome =
  | { readonly kind: 'verified'; readonly member: Membership; readonly identity: Identity }
  | {
      readonly kind: 'refused';
      /** All but `credentials` are told only to who knows the password. */
      readonly reason: 'credentials' | 'suspended' | 'not-approved' | 'passwords-off' | 'second-factor';
    };

export interface Session {
  readonly token: string;
  readonly credential: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface PasswordSignIn {
  /** Errors: `rate_limited`. */
  verify(attempt: PasswordAttempt): Promise<PasswordOutcome>;
  /** A session of a member who was just verified, good for as long as the organization's settings say. */
  open(
    verified: { readonly member: Membership; readonly identity: Identity },
    session: { readonly name: string; readonly origin: AuditOrigin },
  ): Promise<Session>;
}

export interface PasswordSignInParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwords: Passwords;
  readonly limiter: AttemptLimiter;
}

export function createPasswordSignIn(parts: PasswordSignInParts): PasswordSignIn {
  const { store, random, passwords, limiter } = parts;

  const find = async (org: number, login: string): Promise<Membership | undefined> => {
    const key = normalizeKey(login);
    if (key === '' || key.length > MAX_LOGIN_LENGTH) return undefined;
    const [byName] = await store.find('membership', org, { usernameKey: key }, 1);
    if (byName !== undefined) return byName;
    const [byEmail] = await store.find('membership', org, { emailKey: key }, 1);
    return byEmail;
  };
  /** A password of this organization goes before one that is good everywhere. */
  const identities = async (member: Membership): Promise<Identity[]> => [
    ...(await store.find('identity', member.org, { account: member.account }, 100)),
    ...(await store.find('identity', INSTALLATION, { account: member.account }, 100)),
  ];

  return {
    verify: async ({ org, login, password, address }) => {
      const name = `name ${org} ${normalizeKey(login).slice(0, MAX_LOGIN_LENGTH)}`;
      const keys: AttemptKey[] = [
        { key: name, limit: FAILURES_PER_NAME },
        { key: `address ${address}`, limit: FAILURES_PER_ADDRESS },
      ];
      limiter.check(keys);
      const member = await find(org, login);
      const own = member === undefined ? [] : await identities(member);
      const identity = own.find(({ kind }) => kind === 'password');
      // Someone invited has no password yet, and nothing that could be verified.
      const verified = await passwords.verify(password, identity?.secretHash);
      if (!verified || member === undefined || identity === undefined) {
        limiter.failed(keys);
        return { kind: 'refused', reason: 'credentials' };
      }
      limiter.succeeded(name);
      const state = memberState(member);
      if (state === 'suspended') return { kind: 'refused', reason: 'suspended' };
      if (state !== 'active') return { kind: 'refused', reason: 'not-approved' };
      const settings = await readSettings(store, org);
      // The owner always gets in: else an organization could lock itself out.
      if (!settings.password_login && member.role !== 'owner') {
        return { kind: 'refused', reason: 'passwords-off' };
      }
      if (own.some(({ kind }) => kind === 'totp')) return { kind: 'refused', reason: 'second-factor' };
      return { kind: 'verified', member, identity };
    },
    open: async ({ member, identity }, { name, origin }) => {
      const { org } = member;
      const minutes = (await readSettings(store, org)).session_minutes;
      const login = member.email ?? member.username;
      const by = { kind: 'membership', id: String(member.id), name: login } as const;
      return store.write({ orgs: [...new Set([identity.org, org])], by, origin }, async (tx) => {
        const present = await tx.get('membership', org, member.id);
        // Suspended between the check and now: no session may come of it.
        if (present === undefined || memberState(present) !== 'active') {
          throw new AppError('unauthenticated', 'the account is not active');
        }
        const id = tx.newId();
        const { kind, token, publicId, secretHash } = createToken(random, 'session', id);
        const expiresAt = tx.now + minutes * MINUTE;
        await tx.insert('credential', {
          org,
          id,
          nano: null,
          kind,
          ownerKind: 'membership',
          owner: member.id,
          name,
          description: name,
          publicId,
          secretHash,
          publicKey: null,
          scopes: ['all'],
          tags: [],
          reusable: true,
          ephemeral: false,
          preauthorized: false,
          expirySeconds: minutes * 60,
          createdAt: tx.now,
          updatedAt: null,
          expiresAt,
          consumedAt: null,
          revokedAt: null,
          generation: 0,
          parent: 0,
          federation: null,
          byKind: by.kind,
          byId: by.id,
          byName: by.name,
        });
        await tx.update('identity', identity.org, identity.id, { lastUsed: tx.now });
        const event = {
          verb: 'login',
          objectKind: 'membership',
          objectId: member.id,
          objectName: login,
        } as const;
        tx.audit(org, { ...event, details: name });
        if (identity.org !== org) tx.audit(identity.org, event);
        return { token, credential: id, issuedAt: tx.now, expiresAt };
      });
    },
  };
}
