import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { NoiseError } from './errors.ts';
import { formatKey, KEY_BYTES, type MachineKey } from './key-text.ts';

/** A private key ready for use. Importing costs much more than using: make it once and keep it. */
export interface NoisePrivateKey {
  readonly key: KeyObject;
  readonly publicRaw: Uint8Array;
  readonly publicText: MachineKey;
}

/** ASN.1 before the 32 bytes of a PKCS #8 X25519 private key (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function generatePrivateKey(): NoisePrivateKey {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return describe(privateKey, rawPublicKey(publicKey));
}

/** From the 32 raw bytes. Throws RangeError on another length. */
export function importPrivateKey(raw: Uint8Array): NoisePrivateKey {
  if (raw.length !== KEY_BYTES)
    throw new RangeError(`a private key has ${KEY_BYTES} bytes, not ${raw.length}`);
  const der = Buffer.concat([PKCS8_PREFIX, raw]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return describe(privateKey, rawPublicKey(createPublicKey(privateKey)));
}

/** The 32 raw bytes, to be stored. */
export function exportPrivateKey(key: NoisePrivateKey): Uint8Array {
  return new Uint8Array(Buffer.from(key.key.export({ format: 'jwk' }).d ?? '', 'base64url'));
}

/** A fresh key pair for one handshake. */
export function generateEphemeral(): { key: KeyObject; publicRaw: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { key: privateKey, publicRaw: rawPublicKey(publicKey) };
}

export function importPublicKey(raw: Uint8Array): KeyObject {
  // JWK is the cheapest of the portable forms: importing DER costs several times as much on some releases.
  const x = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64url');
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'X25519', x } });
}

/** The shared secret. Throws NoiseError for public keys of small order, whose result would be all zeros. */
export function sharedSecret(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    throw new NoiseError('authentication', 'the key exchange failed');
  }
}

function rawPublicKey(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

function describe(key: KeyObject, publicRaw: Uint8Array): NoisePrivateKey {
  return { key, publicRaw, publicText: formatKey('machine', publicRaw) };
}
