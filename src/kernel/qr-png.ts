/** QR codes as PNG, one bit a pixel. */
import { crc32, deflateSync } from 'node:zlib';
import { encode } from 'uqr';

/** Light squares around the code that readers need. */
const QUIET_ZONE = 4;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const GREYSCALE = 0;

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/**
 * A square of `pixels` pixels a side, or of one pixel a module where the text needs more.
 * @param text at most some 2,300 bytes
 */
export function qrPng(text: string, pixels: number): Buffer {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  const side = Math.max(pixels, size);
  const scale = Math.floor(side / size);
  const offset = Math.floor((side - size * scale) / 2);
  const stride = Math.ceil(side / 8);
  // Each row begins with the number of its filter, 0 for none; a set bit is light.
  const rows = Buffer.alloc(side * (stride + 1), 0xff);
  for (let y = 0; y < side; y += 1) {
    rows[y * (stride + 1)] = 0;
    const modules = data[Math.floor((y - offset) / scale)];
    for (let x = 0; x < side; x += 1) {
      if (modules?.[Math.floor((x - offset) / scale)] !== true) continue;
      const at = y * (stride + 1) + 1 + (x >> 3);
      rows[at] = (rows[at] ?? 0) & ~(0x80 >> (x & 7));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  header[9] = GREYSCALE;
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
