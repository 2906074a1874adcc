import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { NoiseError } from './errors.ts';
import { FRAME_RECORD, HEADER_BYTES, MAX_PLAINTEXT_BYTES, TAG_BYTES, writeHeader } from './frames.ts';

const AEAD = 'chacha20-poly1305';
const AEAD_OPTIONS = { authTagLength: TAG_BYTES } as const;
const NONCE_BYTES = 12;
const COUNTER_START = 4;

/** Wire bytes of one whole record beyond its plaintext. */
const RECORD_OVERHEAD = HEADER_BYTES + TAG_BYTES;

/** One direction of a session: its key, and the nonce of its next record. */
export interface Direction {
  readonly key: KeyObject;
  /** Four zero bytes and a big-endian counter (the Noise specification has it little-endian). */
  readonly nonce: Uint8Array;
  exhausted: boolean;
}

export function createDirection(key: KeyObject): Direction {
  return { key, nonce: new Uint8Array(NONCE_BYTES), exhausted: false };
}

/** Wire size of `plaintextBytes` packed into as few records as possible. */
export function sealedSize(plaintextBytes: number): number {
  return plaintextBytes + RECORD_OVERHEAD * Math.ceil(plaintextBytes / MAX_PLAINTEXT_BYTES);
}

/** A list of buffers read as one run of bytes. */
export interface Pieces {
  readonly buffers: readonly Uint8Array[];
  /** Position of the next byte: which buffer, where in it. */
  index: number;
  offset: number;
  /** Bytes from there to the end. */
  left: number;
}

export function piecesOf(buffers: readonly Uint8Array[]): Pieces {
  let left = 0;
  for (const buffer of buffers) left += buffer.length;
  return { buffers, index: 0, offset: 0, left };
}

/** Takes up to `maxPlaintext` bytes off `pieces` and returns them as records. */
export function sealRecords(direction: Direction, pieces: Pieces, maxPlaintext: number): Buffer {
  let plaintextLeft = Math.min(pieces.left, maxPlaintext);
  const wire = Buffer.allocUnsafe(sealedSize(plaintextLeft));
  let at = 0;
  while (plaintextLeft > 0) {
    const size = Math.min(plaintextLeft, MAX_PLAINTEXT_BYTES);
    sealRecord(direction, pieces, size, wire, at);
    at += size + RECORD_OVERHEAD;
    plaintextLeft -= size;
  }
  return wire;
}

function sealRecord(direction: Direction, pieces: Pieces, size: number, wire: Buffer, start: number): void {
  const cipher = createCipheriv(AEAD, direction.key, useNonce(direction), AEAD_OPTIONS);
  advance(direction);
  writeHeader(wire, start, FRAME_RECORD, size + TAG_BYTES);
  let at = start + HEADER_BYTES;
  const end = at + size;
  while (at < end) {
    const buffer = pieces.buffers[pieces.index];
    if (buffer === undefined) throw new RangeError('fewer bytes than counted');
    const taken = Math.min(buffer.length - pieces.offset, end - at);
    if (taken > 0) wire.set(cipher.update(buffer.subarray(pieces.offset, pieces.offset + taken)), at);
    at += taken;
    pieces.offset += taken;
    pieces.left -= taken;
    if (pieces.offset === buffer.length) {
      pieces.index += 1;
      pieces.offset = 0;
    }
  }
  cipher.final();
  wire.set(cipher.getAuthTag(), at);
}

/** Plaintext of one record's ciphertext. Throws NoiseError when it was not sealed by the peer as the next record. */
export function openRecord(direction: Direction, ciphertext: Uint8Array): Buffer {
  const size = ciphertext.length - TAG_BYTES;
  if (size < 0) throw new NoiseError('malformed', 'a record is shorter than its tag');
  const decipher = createDecipheriv(AEAD, direction.key, useNonce(direction), AEAD_OPTIONS);
  advance(direction);
  decipher.setAuthTag(ciphertext.subarray(size));
  const plaintext = decipher.update(ciphertext.subarray(0, size));
  try {
    decipher.final();
  } catch {
    throw new NoiseError('authentication', 'a record does not authenticate');
  }
  return plaintext;
}

function useNonce(direction: Direction): Uint8Array {
  if (direction.exhausted) throw new NoiseError('exhausted', 'no nonces are left');
  return direction.nonce;
}

function advance(direction: Direction): void {
  const { nonce } = direction;
  for (let at = NONCE_BYTES - 1; at >= COUNTER_START; at--) {
    const next = ((nonce[at] ?? 0) + 1) & 0xff;
    nonce[at] = next;
    if (next !== 0) return;
  }
  direction.exhausted = true;
}
