/** WireGuard's keys: Curve25519 points as base64 of 32 bytes, and the optional preshared keys of the same form. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { Random } from './random.ts';

const KEY_BYTES = 32;
const KEY_TEXT = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/u;
const NO_KEY = Buffer.alloc(KEY_BYTES).toString('base64');
/** DER of a PKCS #8 X25519 key up to the 32 bytes of the key itself (RFC 8410). */
const PKCS8_START = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Whether a text is the canonical base64 of 32 bytes that are not all zero, which WireGuard takes for "no key". */
export const isWireGuardKey = (text: string): boolean => KEY_TEXT.test(text) && text !== NO_KEY;

export interface WireGuardKeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

export function createWireGuardKeyPair(random: Random): WireGuardKeyPair {
  const bytes = Buffer.from(random.bytes(KEY_BYTES));
  // The clamping that Curve25519 asks for (RFC 7748 §5); WireGuard stores keys clamped.
  bytes.writeUInt8(bytes.readUInt8(0) & 0xf8, 0);
  bytes.writeUInt8((bytes.readUInt8(KEY_BYTES - 1) & 0x7f) | 0x40, KEY_BYTES - 1);
  const privateKey = bytes.toString('base64');
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

export function publicKeyOf(privateKey: string): string {
  const der = Buffer.concat([PKCS8_START, Buffer.from(privateKey, 'base64')]);
  const key = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  return key.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES).toString('base64');
}

export const createPresharedKey = (random: Random): string =>
  Buffer.from(random.bytes(KEY_BYTES)).toString('base64');
