/**
 * Signing in with a password, for every dialect that has one. Whoever fails learns nothing but that it failed: an unknown
 * name, a name without a password and a wrong password take as long and answer alike.
 */
import type { Identity, Membership } from '../domain/model/people.ts';
import { memberState } from '../domain/people/member-state.ts';
import { INSTALLATION, type Reader, type Store } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { normalizeKey } from '../kernel/text.ts';
import type { AttemptKey, AttemptLimiter } from './attempt-limiter.ts';
import { takesLogin } from './login-rules.ts';
import { asksAfterPassword } from './passkeys/passkey-rows.ts';
import type { Passwords } from './password.ts';
import { createSessions, type NewSession, type Session, type Verified } from './sessions.ts';

export const FAILURES_PER_NAME = 10;
export const FAILURES_PER_ADDRESS = 100;
export const MAX_LOGIN_LENGTH = 320;

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
      readonly reason:
        | 'credentials'
        | 'suspended'
        | 'not-approved'
        | 'passwords-off'
        | 'second-factor'
        /** One is asked for, and the member has none. */
        | 'no-second-factor';
      /** With either of the last two: whose password was right, for those who can go on from there. */
      readonly pending?: { readonly member: Membership; readonly identity: Identity };
    };

export interface PasswordSignIn {
  /** Errors: `rate_limited`. */
  verify(attempt: PasswordAttempt): Promise<PasswordOutcome>;
  /** A session of a member who was just verified, good for as long as the organization's settings say. */
  open(verified: Verified, session: NewSession): Promise<Session>;
}

export interface PasswordSignInParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwords: Passwords;
  readonly limiter: AttemptLimiter;
}

/** By user name, else by e-mail address. */
export async function memberByLogin(
  reader: Pick<Reader, 'find'>,
  org: number,
  login: string,
): Promise<Membership | undefined> {
  const key = normalizeKey(login);
  if (key === '' || key.length > MAX_LOGIN_LENGTH) return undefined;
  const [byName] = await reader.find('membership', org, { usernameKey: key }, 1);
  if (byName !== undefined) return byName;
  const [byEmail] = await reader.find('membership', org, { emailKey: key }, 1);
  return byEmail;
}

export function createPasswordSignIn(parts: PasswordSignInParts): PasswordSignIn {
  const { store, passwords, limiter } = parts;
  const sessions = createSessions(parts);

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
      const member = await memberByLogin(store, org, login);
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
      if (!(await takesLogin(store, member, 'password'))) return { kind: 'refused', reason: 'passwords-off' };
      const passkeys = own.filter(({ kind }) => kind === 'passkey');
      if (own.some(({ kind }) => kind === 'totp') || asksAfterPassword(passkeys)) {
        return { kind: 'refused', reason: 'second-factor', pending: { member, identity } };
      }
      if ((await readSettings(store, org)).mfa_enforced) {
        return { kind: 'refused', reason: 'no-second-factor', pending: { member, identity } };
      }
      return { kind: 'verified', member, identity };
    },
    open: sessions.open,
  };
}
