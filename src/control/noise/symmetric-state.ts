import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { NoiseError } from './errors.ts';
import { TAG_BYTES } from './frames.ts';

// The running hash and chaining key of a Noise handshake (Noise specification §5.2), cut to what this protocol needs: every
// key is used for exactly one message, so each AEAD nonce is zero. Secrets go to node:crypto as key objects: given as bytes,
// each call takes about 10 µs longer to find out what they are.

/** 33 bytes, one more than the hash, hence hashed to become the first state. */
const PROTOCOL_NAME = 'Noise_IK_25519_ChaChaPoly_BLAKE2s';
const HASH = 'blake2s256';
const HASH_BYTES = 32;
const AEAD = 'chacha20-poly1305';
const ZERO_NONCE = new Uint8Array(12);
const NOTHING = new Uint8Array(0);
const AEAD_OPTIONS = { authTagLength: TAG_BYTES } as const;

export interface SymmetricState {
  mixHash(data: Uint8Array): void;
  /** Mixes a shared secret in; the key it yields serves the next `seal` or `open` only. */
  mixKey(sharedSecret: Uint8Array): void;
  /** Ciphertext with its tag. */
  seal(plaintext: Uint8Array): Buffer;
  /** Throws NoiseError when the tag does not fit. */
  open(ciphertext: Uint8Array): Buffer;
  /** The keys of the session: initiator to responder, responder to initiator. */
  split(): readonly [KeyObject, KeyObject];
}

export function createSymmetricState(prologue: string, responderPublic: Uint8Array): SymmetricState {
  let hash: Uint8Array = createHash(HASH).update(PROTOCOL_NAME).digest();
  let chainingKey: Uint8Array = hash;
  let key: KeyObject | undefined;

  function mixHash(data: Uint8Array | string): void {
    hash = createHash(HASH).update(hash).update(data).digest();
  }

  function derive(input: Uint8Array): readonly [Uint8Array, Uint8Array] {
    const output = new Uint8Array(
      hkdfSync(HASH, createSecretKey(input), chainingKey, NOTHING, 2 * HASH_BYTES),
    );
    return [output.subarray(0, HASH_BYTES), output.subarray(HASH_BYTES)];
  }

  function takeKey(): KeyObject {
    if (key === undefined) throw new Error('a handshake key is used once, after mixKey');
    const taken = key;
    key = undefined;
    return taken;
  }

  mixHash(prologue);
  mixHash(responderPublic);

  return {
    mixHash,
    mixKey(sharedSecret) {
      const [next, secret] = derive(sharedSecret);
      chainingKey = next;
      key = createSecretKey(secret);
    },
    seal(plaintext) {
      const cipher = createCipheriv(AEAD, takeKey(), ZERO_NONCE, AEAD_OPTIONS);
      cipher.setAAD(hash, { plaintextLength: plaintext.length });
      const body = cipher.update(plaintext);
      cipher.final();
      const sealed = Buffer.concat([body, cipher.getAuthTag()]);
      mixHash(sealed);
      return sealed;
    },
    open(ciphertext) {
      const length = ciphertext.length - TAG_BYTES;
      const decipher = createDecipheriv(AEAD, takeKey(), ZERO_NONCE, AEAD_OPTIONS);
      decipher.setAuthTag(ciphertext.subarray(length));
      decipher.setAAD(hash, { plaintextLength: length });
      const plaintext = decipher.update(ciphertext.subarray(0, length));
      try {
        decipher.final();
      } catch {
        throw new NoiseError('authentication', 'the handshake does not authenticate');
      }
      mixHash(ciphertext);
      return plaintext;
    },
    split() {
      const [first, second] = derive(NOTHING);
      return [createSecretKey(first), createSecretKey(second)];
    },
  };
}
