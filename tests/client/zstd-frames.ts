import { zstdDecompressSync } from 'node:zlib';

// A payload may be several zstd frames, whose contents belong together. node:zlib stops after the first without a word, so the
// frames are told apart here (RFC 8878 §3.1.1).

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;
const CHECKSUM_BYTES = 4;

/** The contents of all frames of a payload, joined. Throws on what is not whole zstd frames. */
export function decompressFrames(payload: Buffer): Buffer {
  const contents: Buffer[] = [];
  let at = 0;
  while (at < payload.length) {
    const size = frameSize(payload, at);
    const frame = payload.subarray(at, at + size);
    if (frame.readUInt32LE(0) === MAGIC) contents.push(zstdDecompressSync(frame));
    at += size;
  }
  return contents.length === 1 ? (contents[0] as Buffer) : Buffer.concat(contents);
}

function frameSize(bytes: Buffer, start: number): number {
  const magic = bytes.readUInt32LE(start);
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) return 8 + bytes.readUInt32LE(start + 4);
  if (magic !== MAGIC) throw new Error('not a zstd frame');
  const descriptor = bytes.readUInt8(start + 4);
  const singleSegment = (descriptor >> 5) & 1;
  const contentSizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6] ?? 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  let at = start + 5 + (singleSegment === 1 ? 0 : 1) + dictionaryBytes + contentSizeBytes;
  for (;;) {
    const block = bytes.readUIntLE(at, 3);
    const size = block >> 3;
    at += 3 + (((block >> 1) & 3) === RLE_BLOCK ? 1 : size);
    if ((block & 1) === 1) break;
  }
  if (((descriptor >> 2) & 1) === 1) at += CHECKSUM_BYTES;
  if (at > bytes.length) throw new Error('a zstd frame is cut short');
  return at - start;
}
