import { randomBytes } from 'node:crypto';

/** Randomness, injected so that tests can repeat themselves. */
export interface Random {
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

const LOWER_ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyz0123456789';
const MIXED_ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** `length` characters drawn evenly from `alphabet` (at most 256 characters long). */
export function randomText(random: Random, length: number, alphabet: string): string {
  // Bytes at or above the largest multiple of the alphabet's length are drawn again: a plain modulo would favour some.
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length - text.length)) {
      if (byte < limit) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

const NANO_ID_LENGTH = 26;

/** An external id of 26 characters of [a-z0-9] (134 bits). */
export const randomNanoId = (random: Random): string =>
  randomText(random, NANO_ID_LENGTH, LOWER_ALPHANUMERIC);

/** A secret of `length` characters of [A-Za-z0-9]; 40 characters hold 238 bits. */
export const randomSecret = (random: Random, length = 40): string =>
  randomText(random, length, MIXED_ALPHANUMERIC);
