import { describe, expect, it } from 'vitest';
import { electPrimary } from './primaries.ts';

const on = (device: number) => ({ device, online: true });
const off = (device: number) => ({ device, online: false });

describe('the carrier of a route', () => {
  it.each([
    ['the oldest that is online, when none carried it', [off(1), on(3), on(2)], undefined, 2],
    ['the present one, while it is online', [on(1), on(2)], 2, 2],
    ['another, when the present one is offline', [off(2), on(3)], 2, 3],
    ['the present one, when all are offline', [off(1), off(2)], 2, 2],
    ['the oldest, when all are offline and none carried it', [off(4), off(3)], undefined, 3],
    ['another, when the present one serves it no more', [on(1)], 9, 1],
    ['nobody, when nobody serves it', [], 2, undefined],
  ])('is %s', (_what, candidates, current, expected) => {
    expect(electPrimary(candidates, current)).toBe(expected);
  });
});
