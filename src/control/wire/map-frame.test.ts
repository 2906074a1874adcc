import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compressionOf,
  encodeKeepAlive,
  encodeMessage,
  encodePart,
  joinMessage,
  rawZstdFrame,
} from './map-frame.ts';

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

function payloadOf(message: Buffer): Buffer {
  expect(message.readUInt32LE(0)).toBe(message.length - 4);
  return message.subarray(4);
}

describe('map messages', () => {
  test('carry their text through compression, whatever its size', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2000 }), (text) => {
        expect(zstdDecompressSync(payloadOf(encodeMessage(text, 'zstd'))).toString('utf8')).toBe(
          Buffer.from(text).toString('utf8'),
        );
      }),
    );
  });

  test('without compression are the text itself', () => {
    expect(payloadOf(encodeMessage('{"Node":{}}', 'none')).toString()).toBe('{"Node":{}}');
  });

  test('hold a zstd frame even when tiny', () => {
    expect(payloadOf(encodeKeepAlive('zstd')).subarray(0, 4)).toEqual(ZSTD_MAGIC);
    expect(zstdDecompressSync(payloadOf(encodeKeepAlive('zstd'))).toString()).toBe('{"KeepAlive":true}');
    expect(encodeKeepAlive('zstd')).toEqual(encodeKeepAlive('zstd'));
  });

  test('are composed of parts made one by one', () => {
    const head = '{"Node":{"ID":1},"Peers":[';
    const peers = Array.from({ length: 300 }, (_, id) => JSON.stringify({ ID: id + 2 })).join(',');
    const parts = [encodePart(head, 'zstd'), encodePart(peers, 'zstd'), encodePart(']}', 'zstd')];
    const payload = payloadOf(joinMessage(parts));
    // node's decoder takes one frame at a time, as the parts were.
    const text = parts.map((part) => zstdDecompressSync(part).toString()).join('');
    expect(payload).toEqual(Buffer.concat(parts));
    expect(JSON.parse(text)).toMatchObject({ Node: { ID: 1 }, Peers: { length: 300 } });
  });

  test('compress a large part to less than a fifth', () => {
    const peers = JSON.stringify(
      Array.from({ length: 500 }, (_, id) => ({ ID: id, Name: `node-${id}.example.` })),
    );
    expect(encodePart(peers, 'zstd').length).toBeLessThan(peers.length / 5);
  });

  test.each([
    ['zstd', 'zstd'],
    ['', 'none'],
    [undefined, 'none'],
    ['gzip', undefined],
  ])('asked for %s are %s', (asked, compression) => {
    expect(compressionOf(asked)).toBe(compression);
  });
});

describe('a raw zstd frame', () => {
  test.each([0, 1, 255, 256, 131_071, 131_072, 131_073, 400_000])('of %i bytes decompresses', (size) => {
    const bytes = Buffer.alloc(size, 'holdfast ');
    const frame = rawZstdFrame(bytes);
    expect(frame).toHaveLength(9 + 3 * Math.max(1, Math.ceil(size / 131_072)) + size);
    expect(zstdDecompressSync(frame).equals(bytes)).toBe(true);
  });
});
