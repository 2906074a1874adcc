/**
 * What is remembered of a sign-in while the person is at the provider: nothing is stored. It is the `state` parameter
 * itself, sealed for the browser that set out and for some minutes, so any process can go on and nobody can fill a table.
 */
import type { SealedPlace, Sealer } from '../../domain/ports/sealer.ts';
import { INSTALLATION } from '../../domain/ports/store.ts';
import { type Clock, MINUTE } from '../../kernel/clock.ts';

const STATE_LIFETIME_MS = 10 * MINUTE;
const MAX_LENGTH = 4_000;

/** Why somebody goes to the provider. */
export type SsoPurpose =
  | { readonly kind: 'sign-in' }
  /** To accept an invitation by its link: who holds that may be bound to any role. */
  | { readonly kind: 'invitation'; readonly link: string }
  /** To add this way of signing in to the member who is signed in already. */
  | { readonly kind: 'link'; readonly membership: number };

export interface SsoState {
  readonly org: number;
  readonly connection: number;
  readonly identifier: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** The person is to prove who they are at the provider once more, whatever session they have there. */
  readonly fresh: boolean;
  readonly purpose: SsoPurpose;
  /** The caller's own words, given back. */
  readonly returnTo: string;
}

export interface SsoStates {
  seal(state: SsoState, browser: string): string;
  /** Undefined for what is too old, another browser's, altered, or none. */
  open(text: string, browser: string): (SsoState & { readonly expiresAt: number }) | undefined;
}

const placeOf = (browser: string): SealedPlace => ({
  kind: 'ssoState',
  org: INSTALLATION,
  key: browser,
  column: 'state',
});

export function createSsoStates(parts: { readonly sealer: Sealer; readonly clock: Clock }): SsoStates {
  const { sealer, clock } = parts;
  return {
    seal: (state, browser) =>
      sealer.seal(JSON.stringify({ ...state, expiresAt: clock.now() + STATE_LIFETIME_MS }), placeOf(browser)),
    open: (text, browser) => {
      if (text.length > MAX_LENGTH) return undefined;
      try {
        // Only this program can have sealed it.
        const state: SsoState & { readonly expiresAt: number } = JSON.parse(
          sealer.open(text, placeOf(browser)),
        );
        return state.expiresAt > clock.now() ? state : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
