import { describe, expect, it } from 'vitest';
import type { Address } from '../model/devices.ts';
import { type AddressReader, allocateAddresses } from './addresses.ts';

const POOL = '100.80.0.0/20';
const SIZE = 4_096;
const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };

/** A store in which these are in use, by this organization or another; counts what it is asked. */
function reader(own: ReadonlySet<string>, others: ReadonlySet<string>) {
  let questions = 0;
  const rows = (asked: readonly string[], used: ReadonlySet<string>): Address[] =>
    asked
      .filter((ip) => used.has(ip))
      .map((ip) => ({ org: 1, ip, family: 4, holderKind: 'device', holder: 1, claim: ip }));
  const tx = {
    find: async (_kind: string, _org: number, { ip }: { readonly ip: readonly string[] }) => {
      questions += 1;
      return rows(ip, own);
    },
    lookupAll: async (_kind: string, _column: string, values: readonly string[]) => {
      questions += 1;
      return rows(values, others);
    },
  } as unknown as AddressReader;
  return { tx, asked: () => questions };
}

const ipv4 = (index: number): string => `100.80.${index >> 8}.${index & 0xff}`;
const allBut = (free: readonly number[]): Set<string> =>
  new Set(
    Array.from({ length: SIZE }, (_, i) => i)
      .filter((i) => !free.includes(i))
      .map(ipv4),
  );
const wish = { deviceClass: 'normal', pools: [POOL] } as const;

describe('an address from a pool', () => {
  it('is the last free one, wherever it is, for a few questions', async () => {
    for (const free of [0, 17, 2_000, SIZE - 1]) {
      const { tx, asked } = reader(allBut([free]), new Set());
      expect((await allocateAddresses(tx, random, 1, wish)).ipv4).toBe(ipv4(free));
      expect(asked()).toBeLessThanOrEqual(16);
    }
  });

  it('is none that another organization has, in either family', async () => {
    const others = new Set([ipv4(5), 'fd7a:115c:a1e0:ab12:4843:cd96:6250:6']);
    const { tx } = reader(allBut([5, 6, 7]), others);
    expect((await allocateAddresses(tx, random, 1, wish)).ipv4).toBe(ipv4(7));
  });

  it('is refused after a few questions when the pool is full', async () => {
    const { tx, asked } = reader(allBut([1]), new Set([ipv4(1)]));
    await expect(allocateAddresses(tx, random, 1, wish)).rejects.toThrow(
      'no address is free in the pool 100.80.0.0/20',
    );
    expect(asked()).toBeLessThanOrEqual(16);
  });

  it('asks about the first candidate alone while there is room', async () => {
    const { tx, asked } = reader(new Set(), new Set());
    await allocateAddresses(tx, random, 1, wish);
    expect(asked()).toBe(2);
  });
});
