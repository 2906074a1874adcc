import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 as 64 lower-case hex digits. Fit for machine secrets, which are long and random; never for passwords. */
export const sha256Hex = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** SHA-256 in base64 with padding. */
export const sha256Base64 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('base64');

/** Compares two hex digests of equal length without telling by its time where they differ. */
export function sameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
