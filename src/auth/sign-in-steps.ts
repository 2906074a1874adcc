/**
 * Between a right password and the second factor there is no session yet. What was proven so far travels with the form,
 * sealed for the browser it was shown in and for a few minutes, so that any process can go on from there.
 */
import type { Identity } from '../domain/model/people.ts';
import type { SealedPlace, Sealer } from '../domain/ports/sealer.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';

const LIFETIME_MS = 5 * MINUTE;
const MAX_LENGTH = 4_000;

export interface SignInStep {
  readonly org: number;
  readonly membership: number;
  readonly identityOrg: number;
  readonly identity: number;
  /** Of what the person proved; see `proofOf`. */
  readonly proof: string;
  readonly choice: boolean;
  /** The page to go on to. */
  readonly next: string;
  /** Of a factor that is being set up, base64; null where one is asked for. */
  readonly secret: string | null;
}

/** Another after the password was changed: what the old one has begun is not finished then. */
export const proofOf = ({ secretHash }: Pick<Identity, 'secretHash'>): string => sha256Hex(secretHash ?? '');

export interface SignInSteps {
  /** @param browser something that this browser alone has */
  seal(step: SignInStep, browser: string): string;
  /** Errors: `forbidden` for what is too old, another browser's, or altered. */
  open(sealed: string, browser: string): SignInStep;
}

const placeOf = (browser: string): SealedPlace => ({
  kind: 'signInStep',
  org: INSTALLATION,
  key: browser,
  column: 'state',
});

export function createSignInSteps(parts: { readonly sealer: Sealer; readonly clock: Clock }): SignInSteps {
  const { sealer, clock } = parts;
  return {
    seal: (step, browser) =>
      sealer.seal(JSON.stringify({ ...step, expiresAt: clock.now() + LIFETIME_MS }), placeOf(browser)),
    open: (sealed, browser) => {
      const refused = (): AppError =>
        new AppError('forbidden', 'This took too long, or it was begun elsewhere. Sign in again.');
      if (sealed.length > MAX_LENGTH) throw refused();
      let step: SignInStep & { readonly expiresAt: number };
      try {
        // Only this program can have sealed it.
        step = JSON.parse(sealer.open(sealed, placeOf(browser)));
      } catch {
        throw refused();
      }
      if (step.expiresAt <= clock.now()) throw refused();
      return step;
    },
  };
}
