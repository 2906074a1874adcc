import { describe, expect, it } from 'vitest';
import { regionsOf } from './device-place.ts';

describe('the regions of a device', () => {
  it.each([
    ['its home alone, when it measured nothing', null, [7]],
    ['its home first, also when another is nearer', { '7-v4': 0.02, '3-v4': 0.01 }, [7, 3]],
    [
      'the others nearest first, by the better of two families',
      { '2-v4': 0.3, '2-v6': 0.02, '3-v4': 0.1 },
      [7, 2, 3],
    ],
    ['the lower number of two that are as near', { '9-v4': 0.1, '4-v4': 0.1 }, [7, 4, 9]],
    ['none of what cannot be', { '2-v4': -1, '0-v4': 0.1, 'x-v4': 0.1, '3-v5': 0.1, '5-v4': 'near' }, [7]],
  ])('are %s', (_what, DERPLatency, expected) => {
    expect(regionsOf({ homeDerp: 7, netInfo: { DERPLatency } })).toEqual(expected);
  });

  it('are bounded', () => {
    const DERPLatency = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i + 10}-v4`, i]));
    expect(regionsOf({ homeDerp: 7, netInfo: { DERPLatency } })).toHaveLength(64);
  });
});
