/**
 * Secrets that must be used again (webhooks, identity providers, log streams) are kept sealed: AES-256-GCM with a random
 * nonce, the id of the key in front, and the place of the value as associated data, so that a sealed text copied to
 * another row or column does not open.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Random } from '../kernel/random.ts';

export const SEALING_KEY_BYTES = 32;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_DIGITS = 12;
const SEALED = /^s1\.([0-9a-f]{12})\.([A-Za-z0-9_-]+)$/u;

/** The row and column that a sealed value stands in. */
export interface SealedPlace {
  readonly kind: string;
  readonly org: number;
  readonly key: string | number;
  readonly column: string;
}

export interface Sealer {
  /** The id of the key that seals. */
  readonly keyId: string;
  seal(plain: string, place: SealedPlace): string;
  /** Throws `SealError` for a text of another key, another place, or altered. */
  open(sealed: string, place: SealedPlace): string;
}

export class SealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SealError';
  }
}

/** A name for a key that tells nothing about it. */
export const sealingKeyId = (key: Uint8Array): string =>
  createHash('sha256').update('holdfast sealing key\0').update(key).digest('hex').slice(0, KEY_ID_DIGITS);

const associatedData = ({ kind, org, key, column }: SealedPlace): Buffer =>
  Buffer.from(JSON.stringify([kind, org, String(key), column]));

/** Seals with `key`; `older` keys still open what they sealed. Keys are 32 bytes. */
export function createSealer(parts: {
  readonly key: Uint8Array;
  readonly older?: readonly Uint8Array[];
  readonly random: Random;
}): Sealer {
  const keys = new Map([...(parts.older ?? []), parts.key].map((key) => [sealingKeyId(key), key]));
  const keyId = sealingKeyId(parts.key);

  return {
    keyId,
    seal: (plain, place) => {
      const nonce = parts.random.bytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, parts.key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associatedData(place));
      const body = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `s1.${keyId}.${body.toString('base64url')}`;
    },
    open: (sealed, place) => {
      const [, id = '', text = ''] = SEALED.exec(sealed) ?? [];
      const key = keys.get(id);
      const body = Buffer.from(text, 'base64url');
      if (key === undefined) throw new SealError(`sealed with another key (${id || 'unknown'})`);
      // Decoders pass over what is left at the end: one text, and not several, opens to a secret.
      if (body.toString('base64url') !== text) throw new SealError('the sealed text was altered');
      if (body.length < NONCE_BYTES + TAG_BYTES) throw new SealError('the sealed text is cut short');
      const decipher = createDecipheriv(CIPHER, key, body.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(associatedData(place));
      decipher.setAuthTag(body.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([
          decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]).toString('utf8');
      } catch {
        throw new SealError('the sealed text was altered or stands in another place');
      }
    },
  };
}
