// Waiting for what a test is about, and not for a time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Long, as machines are shared: only what never comes takes this long. */
const WITHIN_MS = 15_000;
const POLL_MS = 10;

/** Waits until it holds; tells how many milliseconds that took. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = 'it',
  withinMs = WITHIN_MS,
): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs)
      throw new Error(`${what} did not come to hold within ${withinMs / 1000} s`);
    await sleep(POLL_MS);
  }
  return performance.now() - start;
}
