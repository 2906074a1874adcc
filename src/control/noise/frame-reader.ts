import { NoiseError } from './errors.ts';
import { FRAME_RECORD, HEADER_BYTES, MAX_CIPHERTEXT_BYTES } from './frames.ts';

/** Cuts what arrives from a socket into records, whatever the chunks it arrives in. */
export interface FrameReader {
  /**
   * Calls `onRecord` with the ciphertext of each record that `chunk` completes; it may be a view of the chunk. Throws
   * NoiseError on a frame that may not stand here; the reader is of no use afterwards.
   */
  take(chunk: Uint8Array): void;
  /** Whether a record has begun and not ended. */
  isWithinFrame(): boolean;
}

/**
 * Holds nothing between whole records, and a copy of at most one record within one: an idle session must not keep alive the
 * large slab its last bytes arrived in.
 */
export function createFrameReader(onRecord: (ciphertext: Uint8Array) => void): FrameReader {
  const header = new Uint8Array(HEADER_BYTES);
  let headerFilled = 0;
  let body: Uint8Array | undefined;
  let bodyFilled = 0;

  function take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (body !== undefined) {
        at = fillBody(body, chunk, at);
      } else if (headerFilled === 0 && chunk.length - at >= HEADER_BYTES) {
        const start = at + HEADER_BYTES;
        const end = start + bodyLength(chunk, at);
        if (end <= chunk.length) {
          onRecord(chunk.subarray(start, end));
          at = end;
        } else {
          at = fillHeader(chunk, at);
        }
      } else {
        at = fillHeader(chunk, at);
      }
    }
  }

  function fillHeader(chunk: Uint8Array, from: number): number {
    const taken = Math.min(HEADER_BYTES - headerFilled, chunk.length - from);
    header.set(chunk.subarray(from, from + taken), headerFilled);
    headerFilled += taken;
    if (headerFilled === HEADER_BYTES) {
      const length = bodyLength(header, 0);
      body = Buffer.allocUnsafeSlow(length);
      bodyFilled = 0;
      if (length === 0) deliver(body);
    }
    return from + taken;
  }

  function fillBody(into: Uint8Array, chunk: Uint8Array, from: number): number {
    const taken = Math.min(into.length - bodyFilled, chunk.length - from);
    into.set(chunk.subarray(from, from + taken), bodyFilled);
    bodyFilled += taken;
    if (bodyFilled === into.length) deliver(into);
    return from + taken;
  }

  function deliver(record: Uint8Array): void {
    body = undefined;
    headerFilled = 0;
    onRecord(record);
  }

  return { take, isWithinFrame: () => headerFilled > 0 };
}

function bodyLength(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== FRAME_RECORD) throw new NoiseError('malformed', 'a frame that is not a record');
  const length = ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  if (length > MAX_CIPHERTEXT_BYTES) throw new NoiseError('oversize', `a record of ${length} bytes`);
  return length;
}
