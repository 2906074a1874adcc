import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Addr,
  addr4,
  addr6,
  complementSet,
  equalSets,
  formatAddr,
  type IpSet,
  intersectSets,
  parseAddr,
  prefixContains,
  prefixesOf,
  prefixesOverlap,
  rangeOfPrefix,
  rangesOf,
  setContains,
  setCovers,
  setOfRanges,
  setOfSteps,
  setOverlapsPrefix,
  setsOverlap,
  subtractSets,
  unionSets,
} from '../../src/kernel/netip/index.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;

// A universe of 64 addresses at each end of each family, where every set can be counted out.
const SIZE = 64;
const TOP4 = 0xffff_ffff;
const TOP6 = (1n << 128n) - 1n;
const universe: Addr[] = Array.from({ length: SIZE }, (_, i) => i).flatMap((i) => [
  addr4(i),
  addr4(TOP4 - i),
  addr6(BigInt(i)),
  addr6(TOP6 - BigInt(i)),
]);

const range = fc
  .tuple(fc.boolean(), fc.boolean(), fc.nat(SIZE - 1), fc.nat(SIZE - 1))
  .map(([v6, top, a, b]) => {
    const [low, high] = a < b ? [a, b] : [b, a];
    if (v6) {
      return top
        ? { family: 6 as const, from: TOP6 - BigInt(high), to: TOP6 - BigInt(low) }
        : { family: 6 as const, from: BigInt(low), to: BigInt(high) };
    }
    return top
      ? { family: 4 as const, from: TOP4 - high, to: TOP4 - low }
      : { family: 4 as const, from: low, to: high };
  });
const ipSet = fc.array(range, { maxLength: 8 }).map(setOfRanges);
const members = (set: IpSet): Set<Addr> => new Set(universe.filter((addr) => setContains(set, addr)));
const wellFormed = (set: IpSet): boolean =>
  equalSets(set, setOfRanges(rangesOf(set))) && [...rangesOf(set)].every((r) => r.from <= r.to);

const forAll = <T>(values: fc.Arbitrary<T>, body: (value: T) => void): void =>
  fc.assert(fc.property(values, body), { numRuns: RUNS });

describe('sets of addresses agree with sets of their members', () => {
  it('under union, intersection, difference and complement', () => {
    forAll(fc.tuple(ipSet, ipSet), ([a, b]) => {
      const [ma, mb] = [members(a), members(b)];
      const results: [IpSet, Set<Addr>][] = [
        [unionSets([a, b]), ma.union(mb)],
        [intersectSets(a, b), ma.intersection(mb)],
        [subtractSets(a, b), ma.difference(mb)],
        [complementSet(a), new Set(universe).difference(ma)],
      ];
      for (const [set, expected] of results) {
        expect(members(set)).toEqual(expected);
        expect(wellFormed(set)).toBe(true);
      }
      expect(setsOverlap(a, b)).toBe(ma.intersection(mb).size > 0);
      expect(setCovers(a, b)).toBe(mb.isSubsetOf(ma));
      expect(equalSets(complementSet(complementSet(a)), a)).toBe(true);
    });
  });

  it('when cut into prefixes', () => {
    forAll(ipSet, (set) => {
      const prefixes = [...prefixesOf(set)];
      expect(equalSets(setOfRanges(prefixes.map(rangeOfPrefix)), set)).toBe(true);
      prefixes.forEach((p, i) => {
        expect(setOverlapsPrefix(set, p)).toBe(true);
        for (const other of prefixes.slice(i + 1)) expect(prefixesOverlap(p, other)).toBe(false);
        for (const addr of universe) if (prefixContains(p, addr)) expect(setContains(set, addr)).toBe(true);
      });
    });
  });
});

it('address text survives a round trip', () => {
  const any = fc.oneof(
    fc.nat(TOP4).map(addr4),
    fc.bigInt({ min: 0n, max: TOP6 }).map(addr6),
    fc
      .array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
      .map((fields) => addr6(fields.reduce((value, field) => (value << 16n) | BigInt(field), 0n))),
  );
  forAll(any, (addr) => {
    expect(parseAddr(formatAddr(addr))).toEqual(addr);
  });
});

describe('a set made in steps', () => {
  it('is what the steps come to one after the other', () => {
    forAll(fc.array(fc.record({ add: fc.boolean(), set: ipSet }), { maxLength: 12 }), (steps) => {
      const made = setOfSteps(steps);
      let expected: IpSet = { v4: [], v6: [] };
      for (const { add, set } of steps)
        expected = add ? unionSets([expected, set]) : subtractSets(expected, set);
      expect(wellFormed(made)).toBe(true);
      expect(equalSets(made, expected)).toBe(true);
    });
  });
});
