import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { initiate, type NoiseSession, respond } from './handshake.ts';
import { NoiseStream } from './noise-stream.ts';
import { createDirection, openRecord, piecesOf, sealedSize, sealRecords } from './records.ts';
import { generatePrivateKey } from './x25519.ts';

const MAX_FRAME = 4096;
const MAX_PLAINTEXT = 4077;

function sessions(): { client: NoiseSession; server: NoiseSession } {
  const key = generatePrivateKey();
  const { initiation, finish } = initiate(generatePrivateKey(), key.publicRaw, 142);
  const accepted = respond(key, initiation);
  return { client: finish(accepted.response), server: accepted.session };
}

const { client, server } = sessions();

/** Two ends over an ordered in-memory connection. */
function connected(): { near: NoiseStream; far: NoiseStream } {
  const [a, b] = duplexPair();
  return { near: new NoiseStream(a, client), far: new NoiseStream(b, server) };
}

/** Two ends over a real connection, half-open like those of an HTTP server. */
async function connectedOverTcp(): Promise<{ near: NoiseStream; far: NoiseStream; close: () => void }> {
  const listener = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const far = new NoiseStream(await accepted, server);
  return { near: new NoiseStream(socket, client), far, close: () => listener.close() };
}

/** What a client would send, as one run of wire bytes. */
function sealed(...texts: (string | Uint8Array)[]): Buffer {
  const direction = createDirection(client.sendKey);
  return Buffer.concat(
    texts.map((text) => {
      const pieces = piecesOf([Buffer.from(text)]);
      return sealRecords(direction, pieces, pieces.left);
    }),
  );
}

/** A receiving end that is fed wire bytes by hand; resolves to what it read and how it ended. */
function receiver(): {
  stream: NoiseStream;
  socket: Duplex;
  read: () => Buffer;
  ended: Promise<Error | undefined>;
} {
  const [socket, peer] = duplexPair();
  peer.resume();
  const stream = new NoiseStream(socket, server);
  const chunks: Buffer[] = [];
  let failure: Error | undefined;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', (error) => {
    failure = error;
  });
  const ended = new Promise<Error | undefined>((resolve) => stream.once('close', () => resolve(failure)));
  return { stream, socket: peer, read: () => Buffer.concat(chunks), ended };
}

async function readAll(stream: Duplex, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size >= bytes) break;
  }
  return Buffer.concat(chunks);
}

describe('records', () => {
  test('a run of bytes becomes as few records as the frame size allows', () => {
    for (const [plain, records] of [
      [1, 1],
      [MAX_PLAINTEXT, 1],
      [MAX_PLAINTEXT + 1, 2],
      [300_000, 74],
    ] as const) {
      const wire = sealed(Buffer.alloc(plain));
      expect(wire).toHaveLength(plain + records * 19);
      expect(sealedSize(plain)).toBe(wire.length);
      expect(wire.readUInt16BE(1) + 3).toBeLessThanOrEqual(MAX_FRAME);
    }
  });

  test('an exhausted counter ends the direction instead of starting again', () => {
    const direction = createDirection(client.sendKey);
    direction.nonce.fill(0xff, 4);
    const last = piecesOf([Buffer.from('last')]);
    sealRecords(direction, last, last.left);
    const more = piecesOf([Buffer.from('more')]);
    expect(() => sealRecords(direction, more, more.left)).toThrow(
      expect.objectContaining({ code: 'exhausted' }),
    );
  });

  test('a record opens once, and only as the next one', () => {
    const wire = sealed('first', 'second');
    const direction = createDirection(server.receiveKey);
    const first = wire.subarray(3, 3 + 5 + 16);
    expect(openRecord(direction, first).toString()).toBe('first');
    expect(() => openRecord(direction, first)).toThrow(expect.objectContaining({ code: 'authentication' }));
  });
});

describe('a stream over a session', () => {
  test('bytes arrive whole and in order, however the wire cuts them', async () => {
    const texts = fc.array(fc.uint8Array({ maxLength: 9000 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(texts, cuts, (parts, sizes) => {
        const wire = sealed(...parts);
        const { stream, read } = receiver();
        let at = 0;
        for (let turn = 0; at < wire.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          stream.receive(wire.subarray(at, at + size));
          at += size;
        }
        return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
          expect(read().equals(Buffer.concat(parts))).toBe(true);
          stream.destroy();
        });
      }),
      { numRuns: 60 },
    );
  });

  test('bytes arrive when the wire gives them one at a time', async () => {
    const { stream, read } = receiver();
    const wire = sealed('one', Buffer.alloc(5000, 7), 'two');
    for (const byte of wire) stream.receive(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
    expect(read()).toEqual(Buffer.concat([Buffer.from('one'), Buffer.alloc(5000, 7), Buffer.from('two')]));
  });

  test('two ends exchange anything, whatever the sizes of the writes', async () => {
    const writes = fc.array(fc.integer({ min: 0, max: 150_000 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(writes, async (sizes) => {
        const { near, far } = connected();
        const sent = sizes.map((size) => randomBytes(size));
        for (const chunk of sent) near.write(chunk);
        near.end();
        const whole = Buffer.concat(sent);
        expect((await readAll(far, Math.max(1, whole.length))).equals(whole)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('writes that wait together share records', async () => {
    const [socket, peer] = duplexPair();
    const stream = new NoiseStream(socket, client);
    const received: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => received.push(chunk));
    stream.cork();
    for (let turn = 0; turn < 100; turn++) stream.write(Buffer.alloc(40, turn));
    stream.uncork();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(Buffer.concat(received)).toHaveLength(4000 + 19);
  });

  test('a record without content is passed over', async () => {
    const { stream, read } = receiver();
    const direction = createDirection(client.sendKey);
    // The writer never makes one, so it is made by hand: a header, and the tag of nothing.
    const { createCipheriv } = await import('node:crypto');
    const cipher = createCipheriv('chacha20-poly1305', client.sendKey, new Uint8Array(12), {
      authTagLength: 16,
    });
    cipher.final();
    stream.receive(Buffer.concat([Buffer.from([4, 0, 16]), cipher.getAuthTag()]));
    direction.nonce[11] = 1;
    const pieces = piecesOf([Buffer.from('after')]);
    stream.receive(sealRecords(direction, pieces, pieces.left));
    await new Promise((resolve) => setImmediate(resolve));
    expect(read().toString()).toBe('after');
  });

  test('a writer waits for a reader that does not read, and goes on when it reads', async () => {
    const { near, far, close } = await connectedOverTcp();
    const chunk = randomBytes(64 * 1024);
    let accepted = 0;
    let done = 0;
    const chunks = 400;
    for (; accepted < chunks; accepted++) near.write(chunk, () => (done += 1));
    // Until nothing moved for a while.
    for (let before = -1; before !== done; await new Promise((resolve) => setTimeout(resolve, 300)))
      before = done;
    expect(done).toBeLessThan(chunks);
    expect(far.readableLength).toBeLessThan(4 * 64 * 1024);
    near.end();
    expect(await readAll(far, chunks * chunk.length)).toHaveLength(chunks * chunk.length);
    expect(done).toBe(chunks);
    close();
  });
});

describe('a stream that is broken', () => {
  test('by any changed bit ends with an error and delivers nothing of that record', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: (3 + 6 + 16) * 8 - 1 }), async (bit) => {
        const wire = sealed('secret', Buffer.alloc(5000));
        wire[bit >> 3]! ^= 1 << (bit & 7);
        const { stream, socket, read, ended } = receiver();
        stream.receive(wire);
        // A longer length waits for bytes that never come; the end of the connection is then the error.
        socket.end();
        expect(await ended).toMatchObject({ name: 'NoiseError' });
        expect(read()).toHaveLength(0);
      }),
      { numRuns: 80 },
    );
  });

  test('by a frame above the maximum ends before that frame is stored', async () => {
    const { stream, ended } = receiver();
    stream.receive(Buffer.from([4, 0x0f, 0xfe]));
    expect(await ended).toMatchObject({ code: 'oversize' });
  });

  test('by a frame of another type ends', async () => {
    for (const type of [0, 1, 2, 3, 5, 255]) {
      const { stream, ended } = receiver();
      stream.receive(Buffer.from([type, 0, 16]));
      expect(await ended).toMatchObject({ code: 'malformed' });
    }
  });

  test('by a record shorter than a tag ends', async () => {
    for (const size of [0, 1, 15]) {
      const { stream, ended } = receiver();
      stream.receive(Buffer.concat([Buffer.from([4, 0, size]), Buffer.alloc(size)]));
      expect(await ended).toMatchObject({ code: 'malformed' });
    }
  });

  test('by an end within a record says so; an end between records is no error', async () => {
    const wire = sealed('whole');
    const cut = receiver();
    cut.socket.end(wire.subarray(0, wire.length - 1));
    expect(await cut.ended).toMatchObject({ code: 'truncated' });
    const whole = receiver();
    whole.socket.end(wire);
    expect(await whole.ended).toBeUndefined();
    expect(whole.read().toString()).toBe('whole');
  });

  test('takes the connection with it, so that the other end goes too', async () => {
    const { near, far, close } = await connectedOverTcp();
    const gone = new Promise((resolve) => far.once('close', resolve));
    far.resume();
    near.destroy();
    await gone;
    expect(far.destroyed).toBe(true);
    close();
  });
});
