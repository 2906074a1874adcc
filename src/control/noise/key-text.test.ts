import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatKey, isKeyText, isZeroKey, parseKey, zeroKey } from './key-text.ts';

const DIGITS = '0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20';

describe('key texts', () => {
  test('bytes come back from their text, for every kind', () => {
    const kinds = fc.constantFrom('machine', 'node', 'disco', 'challenge', 'private', 'network-lock');
    fc.assert(
      fc.property(kinds, fc.uint8Array({ minLength: 32, maxLength: 32 }), (kind, raw) => {
        expect(parseKey(kind, formatKey(kind, raw))).toEqual(raw);
      }),
    );
  });

  test('the prefixes are those of the protocol', () => {
    const raw = Buffer.from(DIGITS, 'hex');
    expect(formatKey('machine', raw)).toBe(`mkey:${DIGITS}`);
    expect(formatKey('node', raw)).toBe(`nodekey:${DIGITS}`);
    expect(formatKey('disco', raw)).toBe(`discokey:${DIGITS}`);
    expect(formatKey('challenge', raw)).toBe(`chalpub:${DIGITS}`);
    expect(formatKey('private', raw)).toBe(`privkey:${DIGITS}`);
    expect(formatKey('network-lock', raw)).toBe(`nlpub:${DIGITS}`);
  });

  test.each([
    ['no prefix', DIGITS],
    ['the prefix of another kind', `nodekey:${DIGITS}`],
    ['a prefix in capitals', `MKEY:${DIGITS}`],
    ['digits in capitals', `mkey:${DIGITS.toUpperCase()}`],
    ['a digit too few', `mkey:${DIGITS.slice(1)}`],
    ['a digit too many', `mkey:${DIGITS}0`],
    ['something that is not a digit', `mkey:g${DIGITS.slice(1)}`],
    ['a space behind', `mkey:${DIGITS} `],
    ['a line end behind', `mkey:${DIGITS}\n`],
    ['nothing', ''],
    ['a number', 7],
    ['null', null],
    ['undefined', undefined],
  ])('%s is not a machine key', (_case, text) => {
    expect(parseKey('machine', text)).toBeUndefined();
    expect(isKeyText('machine', text)).toBe(false);
  });

  test('64 zeros stand for no key', () => {
    expect(zeroKey('node')).toBe(`nodekey:${'0'.repeat(64)}`);
    expect(isZeroKey(zeroKey('node'))).toBe(true);
    expect(isZeroKey(`nodekey:${DIGITS}`)).toBe(false);
    expect(isZeroKey(`nodekey:1${'0'.repeat(63)}`)).toBe(false);
  });

  test('a key of another length is refused', () => {
    expect(() => formatKey('machine', new Uint8Array(31))).toThrow(RangeError);
  });
});
