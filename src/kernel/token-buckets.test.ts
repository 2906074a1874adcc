import { expect, test } from 'vitest';
import { AppError } from './errors.ts';
import { createTokenBuckets } from './token-buckets.ts';

function rig(capacity = 10) {
  const clock = { at: 1_000_000, now: () => clock.at };
  const buckets = createTokenBuckets({ clock, depth: 5, perSecond: 0.5, capacity, refusal: 'too often' });
  /** Undefined: it was let by; else after how many seconds to come again. */
  const take = (key: string, tokens?: number): number | undefined => {
    try {
      buckets.take(key, tokens);
      return undefined;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'rate_limited') throw error;
      return (error.details as { retryAfterSeconds: number }).retryAfterSeconds;
    }
  };
  return { clock, take };
}

test('so many are let by at once, then as many as come in, each caller for itself', () => {
  const { clock, take } = rig();
  expect(Array.from({ length: 6 }, () => take('a'))).toEqual([
    ...[undefined, undefined, undefined, undefined, undefined],
    2,
  ]);
  expect(take('b')).toBeUndefined();
  clock.at += 1_000;
  expect(take('a')).toBe(1);
  clock.at += 1_000;
  expect(take('a')).toBeUndefined();
  expect(take('a')).toBe(2);
});

test('a bucket holds no more than its depth, and what is refused takes nothing', () => {
  const { clock, take } = rig();
  clock.at += 1_000_000;
  expect(take('a', 4)).toBeUndefined();
  expect(take('a', 3)).toBe(4);
  expect(take('a', 1)).toBeUndefined();
});

test('what is larger than a bucket goes by when that is full, and empties it', () => {
  const { clock, take } = rig();
  expect(take('a', 500)).toBeUndefined();
  expect(take('a')).toBe(2);
  clock.at += 10_000;
  expect(take('a', 500)).toBeUndefined();
});

test('a clock that goes back gives and takes nothing', () => {
  const { clock, take } = rig();
  expect(take('a', 5)).toBeUndefined();
  clock.at -= 60_000;
  expect(take('a')).toBe(2);
});

test('no more callers are remembered than there is room for, the least recent go', () => {
  const { take } = rig(2);
  take('a', 5);
  take('b', 5);
  expect(take('a')).toBe(2);
  take('c', 5);
  expect(take('a')).toBe(2);
  // It was forgotten, and begins anew.
  expect(take('b')).toBeUndefined();
});
