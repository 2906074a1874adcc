// Frames on the wire: a type, a big-endian length of what follows, the payload. The initiation alone has the protocol version
// in front.

export const FRAME_INITIATION = 1;
export const FRAME_RESPONSE = 2;
/** Unauthenticated text, valid only in place of a response. */
export const FRAME_ERROR = 3;
export const FRAME_RECORD = 4;

export const HEADER_BYTES = 3;
export const INITIATION_HEADER_BYTES = 5;
export const TAG_BYTES = 16;

/** 5 header, 32 ephemeral key, 48 sealed machine key, 16 tag of the empty payload. */
export const INITIATION_BYTES = 101;
/** 3 header, 32 ephemeral key, 16 tag of the empty payload. */
export const RESPONSE_BYTES = 51;

/** A record with its header; anything larger ends the session. */
const MAX_FRAME_BYTES = 4096;
export const MAX_CIPHERTEXT_BYTES = MAX_FRAME_BYTES - HEADER_BYTES;
export const MAX_PLAINTEXT_BYTES = MAX_CIPHERTEXT_BYTES - TAG_BYTES;

const MAX_U16 = 0xffff;

export function writeHeader(frame: Uint8Array, at: number, type: number, length: number): void {
  frame[at] = type;
  frame[at + 1] = length >> 8;
  frame[at + 2] = length & 0xff;
}

/** Tells a client why its handshake was refused; it shows the text to its user. */
export function encodeErrorFrame(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8').subarray(0, MAX_U16);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes.length);
  writeHeader(frame, 0, FRAME_ERROR, bytes.length);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}
