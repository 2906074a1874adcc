import { constants as zlib, zstdCompressSync } from 'node:zlib';

// How messages lie on a map stream: u32 little-endian length, then that many bytes of payload. The payload of a client that
// asked for `Compress: "zstd"` is one or more whole zstd frames whose contents, joined, are the JSON text; of any other
// client it is the JSON text itself. Frames are independent of each other, so a part that many viewers share (a list of
// peers) is compressed once, and messages are composed of such parts.

const LENGTH_BYTES = 4;

/**
 * Below this size the text goes into a frame of raw blocks: compressing costs some 25 µs however little there is, a raw frame
 * less than one, and a few hundred bytes saved are not worth it.
 */
const SMALLEST_COMPRESSED = 400;

const ZSTD_MAGIC = 0xfd2fb528;
/** Single segment, content size in 4 bytes, no checksum, no dictionary (RFC 8878 §3.1.1.1.1). */
const RAW_FRAME_DESCRIPTOR = 0xa0;
const RAW_FRAME_HEADER = 4 + 1 + 4;
const BLOCK_HEADER = 3;
const LAST_BLOCK = 1;
/** A block holds at most the smaller of 128 KiB and the window, which is the content's size here. */
const MAX_BLOCK = 128 * 1024;

/** On lists of peers level 1 takes a quarter less time than level 3 and leaves no more bytes. */
const COMPRESSION = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } };

/** The bytes of a part of a message: `zstd` are whole frames, `json` its text. */
export type Compression = 'zstd' | 'none';

/** Reads `MapRequest.Compress`; undefined for a method nobody speaks. */
export function compressionOf(compress: string | undefined): Compression | undefined {
  if (compress === 'zstd') return 'zstd';
  return compress === undefined || compress === '' ? 'none' : undefined;
}

/** One zstd frame that holds `text` uncompressed. Costs a copy, 9 bytes, and 3 bytes for each 128 KiB. */
export function rawZstdFrame(text: Uint8Array): Buffer {
  const blocks = Math.max(1, Math.ceil(text.length / MAX_BLOCK));
  const frame = Buffer.allocUnsafe(RAW_FRAME_HEADER + blocks * BLOCK_HEADER + text.length);
  frame.writeUInt32LE(ZSTD_MAGIC, 0);
  frame.writeUInt8(RAW_FRAME_DESCRIPTOR, 4);
  frame.writeUInt32LE(text.length, 5);
  let at = RAW_FRAME_HEADER;
  for (let block = 0; block < blocks; block++) {
    const from = block * MAX_BLOCK;
    const size = Math.min(MAX_BLOCK, text.length - from);
    frame.writeUIntLE((size << 3) | (block === blocks - 1 ? LAST_BLOCK : 0), at, BLOCK_HEADER);
    at += BLOCK_HEADER;
    frame.set(text.subarray(from, from + size), at);
    at += size;
  }
  return frame;
}

/** A piece of JSON text as a part of a message. Blocks the thread: 25 µs, and 2.3 µs a KB on maps (a thousand peers: 1 ms). */
export function encodePart(text: string | Uint8Array, compression: Compression): Buffer {
  const bytes = bytesOf(text);
  if (compression === 'none') return bytes;
  return bytes.length < SMALLEST_COMPRESSED ? rawZstdFrame(bytes) : zstdCompressSync(bytes, COMPRESSION);
}

/** The message made of these parts, in one buffer, to be written with one call. */
export function joinMessage(parts: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const part of parts) size += part.length;
  const message = Buffer.allocUnsafe(LENGTH_BYTES + size);
  message.writeUInt32LE(size, 0);
  let at = LENGTH_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

/** One message of one piece of text. */
export function encodeMessage(text: string | Uint8Array, compression: Compression): Buffer {
  return joinMessage([encodePart(text, compression)]);
}

/**
 * The keep-alive message. Make it once: clients learn its bytes and then recognise them without decompressing, which is why
 * it is exactly this text and the same frame each time.
 */
export function encodeKeepAlive(compression: Compression): Buffer {
  return encodeMessage('{"KeepAlive":true}', compression);
}

function bytesOf(text: string | Uint8Array): Buffer {
  if (typeof text === 'string') return Buffer.from(text, 'utf8');
  return Buffer.isBuffer(text) ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}
