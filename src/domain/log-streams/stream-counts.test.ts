import { expect, test } from 'vitest';
import { counted, countsOf, decayed } from './stream-counts.ts';

test('sums grow by what was sent, and a failed request sends nothing', () => {
  let counts = countsOf(undefined);
  counts = counted(counts, { bytes: 100, entries: 2, ok: true }, 1_000);
  counts = counted(counts, { bytes: 400, entries: 9, ok: false }, 1_000);
  expect(counts).toMatchObject({ bytes: 100, entries: 2, requests: 2, failed: 1, maxBody: 400 });
});

test('a steady flow has its own rate, and one that ended fades', () => {
  let counts = countsOf(undefined);
  let now = 0;
  for (; now < 3_600_000; now += 1_000) counts = counted(counts, { bytes: 50, entries: 5, ok: true }, now);
  expect(counts.rate_bytes).toBeCloseTo(50, 0);
  expect(counts.rate_entries).toBeCloseTo(5, 1);
  expect(counts.rate_requests).toBeCloseTo(1, 2);
  expect(decayed(counts, now + 3_600_000).rate_bytes).toBeLessThan(0.01);
  expect(decayed(counts, now + 3_600_000).bytes).toBe(50 * 3_600);
});
