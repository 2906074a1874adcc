import { createHmac } from 'node:crypto';
import type { KeyedTexts } from '../domain/ports/keyed-texts.ts';
import { base32 } from './totp.ts';

/** `key`: the installation's, 32 bytes. */
export function createKeyedTexts(key: Uint8Array): KeyedTexts {
  const digest = (purpose: string, parts: readonly (string | number)[]): Buffer =>
    createHmac('sha256', key)
      .update(`holdfast text\0${JSON.stringify([purpose, ...parts])}`)
      .digest();
  return {
    code: (purpose, length, parts) => base32(digest(purpose, parts)).slice(0, length),
    sign: (purpose, parts) => digest(purpose, parts).toString('hex'),
  };
}
