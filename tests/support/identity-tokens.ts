// What signs the tokens by which devices say who they are, for control planes that tests put together themselves.
import { createIdentityTokens } from '../../src/auth/identity-tokens.ts';
import { createSealer, SEALING_KEY_BYTES } from '../../src/auth/sealing.ts';
import type { IdentityTokens } from '../../src/domain/ports/identity-tokens.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';

export function createTestIdentityTokens(store: Store, clock: Clock = systemClock): IdentityTokens {
  const sealer = createSealer({ key: systemRandom.bytes(SEALING_KEY_BYTES), random: systemRandom });
  return createIdentityTokens({ store, sealer, clock, random: systemRandom });
}
