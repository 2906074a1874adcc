import { type Clock, MINUTE } from '../../kernel/clock.ts';

/** Not used in the last part of its life: a request must not outlive what it was signed with. */
const MARGIN_MS = 5 * MINUTE;
const MAX_KEPT = 1_000;

/** Keeps what was made for a key until it expires. */
export function createUntilExpiry<T>(clock: Clock) {
  const kept = new Map<string, { readonly value: T; readonly expiresAt: number }>();
  return async (
    key: string,
    make: () => Promise<{ readonly value: T; readonly expiresAt: number }>,
  ): Promise<T> => {
    const known = kept.get(key);
    if (known !== undefined && clock.now() < known.expiresAt - MARGIN_MS) return known.value;
    const made = await make();
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(key, made);
    return made.value;
  };
}
