import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createUpgradeHandler } from './upgrade.ts';
import { createWebSocketStream } from './websocket.ts';

/** A frame as clients send it, masked. */
function clientFrame(opcode: number, data: Uint8Array, last = true): Buffer {
  const mask = [1, 2, 3, 4];
  const length =
    data.length < 126
      ? [data.length | 0x80]
      : data.length < 65_536
        ? [126 | 0x80, data.length >> 8, data.length & 0xff]
        : [127 | 0x80, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (data.length >> shift) & 0xff)];
  const masked = data.map((byte, index) => byte ^ mask[index % 4]!);
  return Buffer.from([(last ? 0x80 : 0) | opcode, ...length, ...mask, ...masked]);
}

function world() {
  const input = new PassThrough();
  const output = new PassThrough();
  const socket = Duplex.from({ readable: input, writable: output });
  const stream = createWebSocketStream(socket, Buffer.alloc(0));
  return { input, output, stream };
}

describe('a WebSocket as a stream', () => {
  test('gives the bytes of its messages, whatever frames and pieces they come in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        async (messages, size) => {
          const { input, stream } = world();
          const got: Buffer[] = [];
          stream.on('data', (chunk) => got.push(chunk));
          const bytes = Buffer.concat([
            ...messages.map((one) => clientFrame(2, one)),
            clientFrame(8, new Uint8Array()),
          ]);
          for (let at = 0; at < bytes.length; at += size) input.write(bytes.subarray(at, at + size));
          await new Promise((resolve) => stream.once('end', resolve));
          expect(Buffer.concat(got).equals(Buffer.concat(messages))).toBe(true);
          stream.destroy();
        },
      ),
      { numRuns: 30 },
    );
  });

  test('takes the three forms of a length', async () => {
    const { input, stream } = world();
    const sizes = [125, 126, 65_535, 65_536];
    for (const size of sizes) input.write(clientFrame(2, new Uint8Array(size)));
    let seen = 0;
    for await (const chunk of stream) {
      seen += (chunk as Buffer).length;
      if (seen === sizes.reduce((a, b) => a + b)) break;
    }
    expect(seen).toBe(131_322);
  });

  test('answers a ping', async () => {
    const { input, output, stream } = world();
    stream.resume();
    input.write(clientFrame(9, Buffer.from('hi')));
    expect(((await output.iterator().next()).value as Buffer).toString('hex')).toBe('8a026869');
    stream.destroy();
  });

  test.each([
    ['without a mask', Buffer.from('820161', 'hex')],
    ['of an extension', Buffer.from('c28100000000', 'hex')],
    ['that is too long', Buffer.from('82ff00000000001000010000000000', 'hex')],
    ['of text', clientFrame(1, Buffer.from('x'))],
    ['of control in pieces', clientFrame(9, Buffer.from('x'), false)],
  ])('ends at a frame %s', async (_what, bytes) => {
    const { input, stream } = world();
    const failed = new Promise((resolve) => stream.once('error', resolve));
    stream.resume();
    input.write(bytes);
    expect(await failed).toMatchObject({ name: 'FrameError' });
  });
});

test('a browser’s WebSocket reaches the relay as a stream of bytes both ways', async () => {
  const server = createServer();
  const accept = (stream: Duplex): void => void stream.pipe(stream);
  server.on('upgrade', createUpgradeHandler({ publicRaw: new Uint8Array(32), accept }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/derp`, 'derp');
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  expect(socket.protocol).toBe('derp');
  const data = new Uint8Array(70_000).map((_, index) => index);
  let back = Buffer.alloc(0);
  const echoed = new Promise<void>((resolve) => {
    socket.addEventListener('message', (event) => {
      back = Buffer.concat([back, Buffer.from(event.data as ArrayBuffer)]);
      if (back.length === data.length) resolve();
    });
  });
  socket.send(data);
  await echoed;
  expect(back.equals(data)).toBe(true);
  socket.close();
  await new Promise((resolve) => socket.addEventListener('close', resolve));
  await new Promise((resolve) => server.close(resolve));
});
