/**
 * NaCl's crypto_box (X25519, HSalsa20, XSalsa20-Poly1305): how a client proves that it holds its node key. Node's crypto has
 * the key exchange; the cipher is the library's.
 */
import { diffieHellman, type KeyObject } from 'node:crypto';
import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import type { Random } from '../../kernel/random.ts';
import { importPublicKey, type NoisePrivateKey } from '../noise/x25519.ts';

export const NONCE_BYTES = 24;
/** Poly1305's tag, which stands before the ciphertext. */
export const TAG_BYTES = 16;

/** "expand 32-byte k" as little-endian words: the constant of Salsa20. */
const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
const ZERO_NONCE = new Uint32Array(4);
const KEY_WORDS = 8;

export interface Box {
  /** nonce | tag | ciphertext */
  seal(plain: Uint8Array): Buffer;
  /** Undefined where `sealed` is not from the other side. */
  open(sealed: Uint8Array): Uint8Array | undefined;
}

/** Undefined for a public key of small order, with which everybody would share the secret. */
export function createBox(own: NoisePrivateKey, peerRaw: Uint8Array, random: Random): Box | undefined {
  const shared = exchange(own.key, peerRaw);
  if (shared === undefined) return undefined;
  const key = new Uint32Array(KEY_WORDS);
  // A copy, since words must be aligned.
  hsalsa(SIGMA, new Uint32Array(new Uint8Array(shared).buffer), ZERO_NONCE, key);
  const keyBytes = new Uint8Array(key.buffer);
  return {
    seal: (plain) => {
      const nonce = random.bytes(NONCE_BYTES);
      return Buffer.concat([nonce, xsalsa20poly1305(keyBytes, nonce).encrypt(plain)]);
    },
    open: (sealed) => {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
      // The library tells a forged box by an exception.
      try {
        return xsalsa20poly1305(keyBytes, sealed.subarray(0, NONCE_BYTES)).decrypt(
          sealed.subarray(NONCE_BYTES),
        );
      } catch {
        return undefined;
      }
    },
  };
}

function exchange(privateKey: KeyObject, peerRaw: Uint8Array): Buffer | undefined {
  try {
    return diffieHellman({ privateKey, publicKey: importPublicKey(peerRaw) });
  } catch {
    return undefined;
  }
}
