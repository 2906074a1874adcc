/**
 * Signing in at the pages. With an organization named, or only one there, a member's password counts, whether it is good
 * there alone or everywhere; without one, only a password that is good everywhere: names are never searched across
 * organizations. Whoever fails learns nothing of which of these it was.
 */
import type { Identity, Membership, Organization } from '../domain/model/people.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';
import { normalizeKey } from '../kernel/text.ts';
import type { AttemptLimiter } from './attempt-limiter.ts';
import { takesLogin } from './login-rules.ts';
import { asksAfterPassword, passkeysOf } from './passkeys/passkey-rows.ts';
import type { Passwords } from './password.ts';
import {
  FAILURES_PER_ADDRESS,
  FAILURES_PER_NAME,
  MAX_LOGIN_LENGTH,
  type PasswordOutcome,
  type PasswordSignIn,
} from './password-sign-in.ts';
import { factorOf } from './second-factor.ts';

export interface PersonAttempt {
  /** An organization's label; '' for none. */
  readonly organization: string;
  readonly login: string;
  readonly password: string;
  /** The caller's address, to count failures by. */
  readonly address: string;
}

type Refused = Extract<PasswordOutcome, { readonly kind: 'refused' }>;

export interface PersonVerified {
  readonly member: Membership;
  readonly identity: Identity;
  /** There are other organizations that the person may choose instead. */
  readonly choice: boolean;
}

export type PersonOutcome =
  | (PersonVerified & { readonly kind: 'verified' })
  /**
   * The password was right and is not enough. With neither codes nor a passkey that is asked for, the organization wants a
   * factor, and one may be set up now.
   */
  | (PersonVerified & {
      readonly kind: 'second-factor';
      /** One-time codes. */
      readonly factor: Identity | undefined;
      readonly maySetUp: boolean;
    })
  | Refused;

export interface PersonSignIn {
  /** Whether the installation has more organizations than one, so that one has to be named. */
  needsOrganization(): Promise<boolean>;
  /** The organization of a label, or without one the only one there is. */
  organizationOf(label: string): Promise<Organization | undefined>;
  /** Errors: `rate_limited`. */
  byPassword(attempt: PersonAttempt): Promise<PersonOutcome>;
}

export interface PersonSignInParts {
  readonly store: Store;
  readonly passwords: Passwords;
  readonly limiter: AttemptLimiter;
  readonly passwordSignIn: Pick<PasswordSignIn, 'verify'>;
}

/** No organization has it: a try there costs what any other costs, and fails. */
const NO_ORGANIZATION = -1;
const WRONG: PersonOutcome = { kind: 'refused', reason: 'credentials' };

export function createPersonSignIn(parts: PersonSignInParts): PersonSignIn {
  const { store, passwords, limiter, passwordSignIn } = parts;
  const firstTwo = () => store.list('organization', INSTALLATION, { limit: 2 });

  const everywhere = async ({ login, password, address }: PersonAttempt): Promise<PersonOutcome> => {
    const email = normalizeKey(login).slice(0, MAX_LOGIN_LENGTH);
    const name = `name ${INSTALLATION} ${email}`;
    const keys = [
      { key: name, limit: FAILURES_PER_NAME },
      { key: `address ${address}`, limit: FAILURES_PER_ADDRESS },
    ];
    limiter.check(keys);
    const [identity] =
      email === ''
        ? []
        : await store.find('identity', INSTALLATION, { kind: 'password', email, emailVerified: true }, 1);
    if (!(await passwords.verify(password, identity?.secretHash)) || identity === undefined) {
      limiter.failed(keys);
      return WRONG;
    }
    limiter.succeeded(name);
    return firstOpen(identity);
  };

  /** The first organization that takes this identity; the person may go on to another from there. */
  const firstOpen = async (identity: Identity): Promise<PersonOutcome> => {
    const memberships = await store.queries.accountMemberships(identity.account);
    for (const { org, membership } of memberships) {
      const member = await store.get('membership', org, membership);
      if (member === undefined) continue;
      if (await takesLogin(store, member, identity.kind))
        return settled({ member, identity, choice: memberships.length > 1 });
    }
    return { kind: 'refused', reason: 'not-approved' };
  };

  const settled = async (verified: PersonVerified): Promise<PersonOutcome> => {
    const { member } = verified;
    const factor = await factorOf(store, member);
    const asked = factor !== undefined || asksAfterPassword(await passkeysOf(store, member));
    if (asked) return { kind: 'second-factor', ...verified, factor, maySetUp: false };
    const { mfa_enforced: enforced } = await readSettings(store, member.org);
    return enforced
      ? { kind: 'second-factor', ...verified, factor, maySetUp: true }
      : { kind: 'verified', ...verified };
  };

  return {
    needsOrganization: async () => (await firstTwo()).length > 1,
    organizationOf: async (text) => {
      const label = normalizeKey(text);
      if (label !== '') return store.organizationBy('label', label);
      const [only, second] = await firstTwo();
      return second === undefined ? only : undefined;
    },
    byPassword: async (attempt) => {
      const { organization, login, password, address } = attempt;
      const label = normalizeKey(organization);
      let org = NO_ORGANIZATION;
      if (label !== '') org = (await store.organizationBy('label', label))?.id ?? NO_ORGANIZATION;
      else {
        const [only, second] = await firstTwo();
        if (second !== undefined) return everywhere(attempt);
        org = only?.id ?? NO_ORGANIZATION;
      }
      const outcome = await passwordSignIn.verify({ org, login, password, address });
      if (outcome.kind === 'verified') {
        return settled({ member: outcome.member, identity: outcome.identity, choice: false });
      }
      return outcome.pending === undefined ? outcome : settled({ ...outcome.pending, choice: false });
    },
  };
}
