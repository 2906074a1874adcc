/** How long to wait before the next try. */
import { HOUR, SECOND } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

const FIRST_MS = SECOND;
const LONGEST_MS = HOUR;
/** Waits are spread over this part of themselves, so that what failed together does not come back together. */
const SPREAD = 0.2;
const BYTE_VALUES = 256;

/** Milliseconds after the try number `attempt` (1 the first): doubling from a second, at most an hour. */
export function retryDelay(attempt: number, random: Random): number {
  const wait = Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS);
  const [byte = 0] = random.bytes(1);
  return Math.round(wait * (1 - SPREAD + (2 * SPREAD * byte) / BYTE_VALUES));
}
