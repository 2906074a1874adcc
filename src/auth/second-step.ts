/**
 * Signing in over an API in two steps: a right password buys a sealed text that says so for five minutes, and that text
 * with a right code buys the session. Nothing is kept in between, so that any process can go on from there; a code is good
 * once, so the same text does not open a second session with it.
 */
import type { Identity, Membership } from '../domain/model/people.ts';
import { memberState } from '../domain/people/member-state.ts';
import type { Store } from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';
import type { SecondFactors } from './second-factor.ts';
import { proofOf, type SignInSteps } from './sign-in-steps.ts';

export interface Pending {
  readonly member: Membership;
  readonly identity: Identity;
}

export interface SecondStep {
  /** What proves that the password was right. */
  begin(pending: Pending): string;
  /** Whose password it was. Errors: `unauthenticated` for a text that is none, too old, or of somebody who is out. */
  open(sealed: string): Promise<Pending>;
  /** The factor, when the code is right; null when the member has none, undefined when it is wrong. Errors: `rate_limited`. */
  check(member: Membership, code: string): Promise<Identity | null | undefined>;
}

/** Texts for browsers are bound to one of them; these are bound to none, and open no page. */
const NO_BROWSER = 'api';

export function createSecondStep(parts: {
  readonly store: Store;
  readonly steps: SignInSteps;
  readonly factors: Pick<SecondFactors, 'of' | 'verify'>;
}): SecondStep {
  const { store, steps, factors } = parts;
  const refused = (): AppError => new AppError('unauthenticated', 'unauthorized');
  return {
    begin: ({ member, identity }) =>
      steps.seal(
        {
          org: member.org,
          membership: member.id,
          identityOrg: identity.org,
          identity: identity.id,
          proof: proofOf(identity),
          choice: false,
          next: '',
          secret: null,
        },
        NO_BROWSER,
      ),
    open: async (sealed) => {
      let step: ReturnType<SignInSteps['open']>;
      try {
        step = steps.open(sealed, NO_BROWSER);
      } catch {
        throw refused();
      }
      const member = await store.get('membership', step.org, step.membership);
      const identity = await store.get('identity', step.identityOrg, step.identity);
      // Since then they may have been suspended, or have got another password.
      if (member === undefined || memberState(member) !== 'active') throw refused();
      if (identity === undefined || proofOf(identity) !== step.proof) throw refused();
      return { member, identity };
    },
    check: async (member, code) => {
      const factor = await factors.of(member);
      if (factor === undefined) return null;
      return (await factors.verify(factor, member, code)) ? factor : undefined;
    },
  };
}
