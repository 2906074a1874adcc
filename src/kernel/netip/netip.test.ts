import { describe, expect, it } from 'vitest';
import {
  formatAddr,
  formatPrefix,
  formatSet,
  is4In6,
  masked,
  parseAddr,
  parseAddrOrPrefix,
  parsePrefix,
  prefixesOf,
  setOfPrefixes,
  setOfRanges,
  subtractSets,
  unmap,
} from './index.ts';

const canonical = (text: string): string | undefined => {
  const addr = parseAddr(text);
  return addr && formatAddr(addr);
};
const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe('addresses', () => {
  // What Go's netip answers.
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['1::', '1::'],
    ['FD7A:115C:A1E0::AB', 'fd7a:115c:a1e0::ab'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['0:0:1:0:0:0:1:0', '0:0:1::1:0'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['::ffff:102:304', '::ffff:1.2.3.4'],
    ['::1.2.3.4', '::102:304'],
  ])('reads %s as %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '010.1.1.1',
    '1.2.3.256',
    '1.2.3.',
    '.1.2.3',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
    '1:2:3',
    ':::',
    '1::2::3',
    ':1::',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:1.2.3.4',
    'fe80::1%eth0',
    '１.2.3.4',
    '1.2.3.٤',
  ])('refuses %j', (text) => {
    expect(parseAddr(text)).toBeUndefined();
  });

  it('keeps an IPv4-mapped address in its own family until it is unmapped', () => {
    const mapped = parseAddr('::ffff:10.0.0.1')!;
    expect(is4In6(mapped)).toBe(true);
    expect(mapped.family).toBe(6);
    expect(formatAddr(unmap(mapped))).toBe('10.0.0.1');
    expect(is4In6(parseAddr('10.0.0.1')!)).toBe(false);
  });
});

describe('prefixes', () => {
  it.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd7a:115c:a1e0::1/48', 'fd7a:115c:a1e0::/48'],
    ['::/0', '::/0'],
    ['::ffff:1.2.3.4/120', '::ffff:1.2.3.0/120'],
  ])('masks %s to %s', (text, expected) => {
    expect(formatPrefix(masked(prefix(text)))).toBe(expected);
  });

  it.each([
    '1.2.3.4',
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '1.2.3.4/+8',
    '1.2.3.4/-1',
    '::/129',
    '1.2.3/8',
    '/8',
  ])('refuses %j', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  it('takes a bare address as the prefix of one address', () => {
    expect(formatPrefix(parseAddrOrPrefix('10.0.0.1')!)).toBe('10.0.0.1/32');
    expect(formatPrefix(parseAddrOrPrefix('fd00::1')!)).toBe('fd00::1/128');
  });
});

describe('sets', () => {
  it('prints one address bare, an exact block as a prefix and anything else as a range', () => {
    const block = setOfPrefixes([prefix('100.64.0.0/10')]);
    const hole = setOfPrefixes([prefix('100.115.92.0/23')]);
    expect(formatSet(subtractSets(block, hole))).toEqual([
      '100.64.0.0-100.115.91.255',
      '100.115.94.0-100.127.255.255',
    ]);
    expect(
      formatSet(setOfPrefixes([prefix('10.0.0.0/25'), prefix('10.0.0.128/25'), prefix('fd00::1/128')])),
    ).toEqual(['10.0.0.0/24', 'fd00::1']);
  });

  it('covers a range with the fewest prefixes', () => {
    const set = setOfRanges([{ family: 4, from: 1, to: 6 }]);
    expect([...prefixesOf(set)].map(formatPrefix)).toEqual([
      '0.0.0.1/32',
      '0.0.0.2/31',
      '0.0.0.4/31',
      '0.0.0.6/32',
    ]);
  });
});
