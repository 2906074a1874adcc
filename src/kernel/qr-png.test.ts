import { inflateSync } from 'node:zlib';
import { encode } from 'uqr';
import { expect, test } from 'vitest';
import { qrPng } from './qr-png.ts';

/** The dark pixels of a picture of one bit a pixel. */
function read(png: Buffer): { readonly side: number; readonly dark: (x: number, y: number) => boolean } {
  const side = png.readUInt32BE(16);
  const at = png.indexOf('IDAT');
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
  const stride = Math.ceil(side / 8) + 1;
  return { side, dark: (x, y) => (((rows[y * stride + 1 + (x >> 3)] ?? 0) >> (7 - (x & 7))) & 1) === 0 };
}

test.each([200, 220, 10])('a picture of %i pixels holds every module of the code', (pixels) => {
  const text = 'otpauth://totp/Netmaker:alice?secret=JBSWY3DPEHPK3PXP&issuer=Netmaker';
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const { side, dark } = read(qrPng(text, pixels));
  expect(side).toBe(Math.max(pixels, size));
  const scale = Math.floor(side / size);
  const offset = Math.floor((side - size * scale) / 2);
  const modules = data.map((row, y) =>
    row.map((_, x) => dark(offset + x * scale + (scale >> 1), offset + y * scale + (scale >> 1))),
  );
  expect(modules).toEqual(data);
});

test('begins and ends as a PNG does', () => {
  const png = qrPng('x', 50);
  expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  // The end of every PNG, its sum included.
  expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
});
