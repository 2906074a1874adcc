import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base32, fromBase32, matchedStep, oneTimeCode, stepAt, totpUri } from './totp.ts';

const SECRET = Buffer.from('12345678901234567890');

describe('one-time codes', () => {
  // RFC 6238, appendix B, the last six of eight digits.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('are those of the standard at second %i', (second, code) => {
    expect(oneTimeCode(SECRET, stepAt(second * 1000))).toBe(code);
  });

  // RFC 4226, appendix D.
  it('are those of the standard by counter', () => {
    const codes = ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583'];
    expect(codes.map((_, step) => oneTimeCode(SECRET, step))).toEqual(codes);
  });

  it('are taken one step early or late, once, and nothing else is', () => {
    const now = 1_000_000_000_000;
    const step = stepAt(now);
    for (const drift of [-1, 0, 1]) {
      const code = oneTimeCode(SECRET, step + drift);
      expect(matchedStep(SECRET, code, now, 0)).toBe(step + drift);
      expect(matchedStep(SECRET, code, now, step + drift)).toBeUndefined();
    }
    for (const drift of [-2, 2])
      expect(matchedStep(SECRET, oneTimeCode(SECRET, step + drift), now, 0)).toBeUndefined();
    const near = [-1, 0, 1].map((drift) => oneTimeCode(SECRET, step + drift));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{6}$/)), (code) => {
        expect(matchedStep(SECRET, code, now, 0) !== undefined).toBe(near.includes(code));
      }),
    );
  });

  // RFC 4648 §10, without padding.
  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('write %s in base32, and read it', (plain, text) => {
    expect(base32(Buffer.from(plain))).toBe(text);
    expect(Buffer.from(fromBase32(text) ?? [0]).toString()).toBe(plain);
  });

  it.each(['mzxw', 'M1', 'MZXW=', 'MZ XW'])('do not read %j as base32', (text) => {
    expect(fromBase32(text)).toBeUndefined();
  });

  it('are described to an app by a link whose names are escaped', () => {
    expect(totpUri(SECRET, 'A & B', 'ada@acme.test')).toBe(
      'otpauth://totp/A%20%26%20B:ada%40acme.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%20%26%20B',
    );
  });
});
