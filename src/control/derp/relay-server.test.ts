import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  connectRelay,
  type RelayClientOptions,
  type TestRelayClient,
} from '../../../tests/support/relay-client.ts';
import { systemRandom } from '../../kernel/random.ts';
import { generatePrivateKey } from '../noise/index.ts';
import type { Admission } from './admission.ts';
import type { RelayLimits, RelayServer } from './contract.ts';
import { createRelayServer } from './relay-server.ts';

/** The frames that clients get, as the protocol numbers them. */
const RECV = 0x05;
const KEEP_ALIVE = 0x06;
const PEER_GONE = 0x08;
const PONG = 0x13;
const HEALTH = 0x14;
const RESTARTING = 0x15;
const SERVER_INFO = 0x03;

const privateKey = generatePrivateKey();
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

interface World {
  readonly relay: RelayServer;
  readonly port: number;
  readonly clock: { now: number };
  /** Refused from now on; those that are connected are told. */
  refuse(nodeKey: string): void;
  join(options?: Partial<RelayClientOptions>): Promise<TestRelayClient>;
}

async function createWorld(limits: Partial<RelayLimits> = {}): Promise<World> {
  const clock = { now: 1_000_000 };
  const refused = new Set<string>();
  const held = new Map<string, () => void>();
  const admission: Admission = {
    isKnownNode: async (key) => !refused.has(key),
    admit: async (key, onRevoked) => {
      await sleep(1);
      if (refused.has(key)) return undefined;
      held.set(key, onRevoked);
      return () => held.delete(key);
    },
    sweep: () => undefined,
    close: () => undefined,
  };
  const log = { debug: () => undefined, warn: () => undefined };
  const random = systemRandom;
  const relay = createRelayServer({
    privateKey,
    admission,
    clock: { now: () => clock.now },
    random,
    log,
    limits,
  });
  const server: Server = createServer();
  server.on('upgrade', relay.handleUpgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  undo.push(() => {
    relay.close();
    server.close();
  });
  return {
    relay,
    port,
    clock,
    refuse: (key) => {
      refused.add(key);
      held.get(key)?.();
    },
    join: async (options = {}) => {
      const client = await connectRelay({ port, ...options });
      undo.push(client.close);
      return client;
    },
  };
}

const packet = (text: string): Buffer => Buffer.from(text);
/** The sender and the text of the next packet. */
async function received(client: TestRelayClient): Promise<{ from: string; text: string }> {
  const payload = await client.next(RECV);
  return { from: `nodekey:${payload.toString('hex', 0, 32)}`, text: payload.toString('utf8', 32) };
}
/** Resolves when the server has read all that the client has sent so far. */
async function settled(client: TestRelayClient): Promise<void> {
  client.write(0x12, Buffer.from('settled!'));
  expect((await client.next(PONG)).toString()).toBe('settled!');
}

describe('the relay', () => {
  test('answers the upgrade with its version and key, and proves that it holds the key', async () => {
    const { join } = await createWorld();
    const client = await join();
    expect(client.answer.split('\r\n')).toEqual([
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: DERP',
      'Connection: Upgrade',
      'Derp-Version: 2',
      `Derp-Public-Key: ${Buffer.from(privateKey.publicRaw).toString('hex')}`,
    ]);
    expect(client.serverKey.equals(privateKey.publicRaw)).toBe(true);
    expect(client.serverInfo).toEqual({ version: 2 });
  });

  test('starts at once, without an answer, for a client with a fast start', async () => {
    const { join } = await createWorld();
    const client = await join({ fastStart: true });
    expect(client.serverInfo).toEqual({ version: 2 });
  });

  test('passes packets both ways under the sender’s key, in order, up to 64 KiB', async () => {
    const { join, relay } = await createWorld();
    const [a, b] = [await join(), await join()];
    const large = Buffer.alloc(64 * 1024, 'x');
    for (const text of ['one', 'two']) a.send(b.keyRaw, packet(text));
    a.send(b.keyRaw, large);
    expect(await received(b)).toEqual({ from: a.nodeKey, text: 'one' });
    expect(await received(b)).toEqual({ from: a.nodeKey, text: 'two' });
    expect((await received(b)).text).toBe(large.toString());
    b.send(a.keyRaw, packet('back'));
    expect(await received(a)).toEqual({ from: b.nodeKey, text: 'back' });
    expect(relay.stats()).toMatchObject({ clients: 2, relayedPackets: 4, relayedBytes: 64 * 1024 + 10 });
  });

  test('ends the connection of a client that sends a larger packet', async () => {
    const { join } = await createWorld();
    const [a, b] = [await join(), await join()];
    a.send(b.keyRaw, Buffer.alloc(64 * 1024 + 1));
    await a.ended;
  });

  test('says of a key that is not here that it is not, three times at once and then once a second', async () => {
    const { join, clock } = await createWorld();
    const a = await join();
    const absent = generatePrivateKey().publicRaw;
    for (let sent = 0; sent < 10; sent += 1) a.send(absent, packet('hello?'));
    await settled(a);
    expect(a.waiting(PEER_GONE)).toBe(3);
    expect((await a.next(PEER_GONE)).equals(Buffer.from([...absent, 1]))).toBe(true);
    clock.now += 1000;
    for (let sent = 0; sent < 10; sent += 1) a.send(absent, packet('hello?'));
    await settled(a);
    expect(a.waiting(PEER_GONE)).toBe(3);
  });

  test('tells those that exchanged packets with a client when it is gone, and nobody else', async () => {
    const { join } = await createWorld();
    const [a, b, c] = [await join(), await join(), await join()];
    a.send(b.keyRaw, packet('hi'));
    await received(b);
    a.close();
    expect((await b.next(PEER_GONE)).equals(Buffer.from([...a.keyRaw, 0]))).toBe(true);
    b.close();
    await settled(c);
    expect(c.waiting(PEER_GONE)).toBe(0);
  });

  test('answers pings, and passes over frames that it does not know or that are not for clients to send', async () => {
    const { join } = await createWorld();
    const a = await join();
    a.write(0x7f, Buffer.alloc(100_000));
    a.write(0x10, Buffer.alloc(0));
    a.write(0x0a, Buffer.alloc(70));
    a.write(0x07, Buffer.of(1));
    a.write(0x04, Buffer.alloc(5));
    a.write(0x12, Buffer.from('12345678'));
    expect((await a.next(PONG)).toString()).toBe('12345678');
  });

  test('sends a keep-alive to clients that heard nothing for a while', async () => {
    const { join, clock } = await createWorld({ sweepMs: 5, keepAliveMs: 1000 });
    const a = await join();
    await sleep(30);
    expect(a.waiting(KEEP_ALIVE)).toBe(0);
    clock.now += 1000;
    expect(await a.next(KEEP_ALIVE)).toHaveLength(0);
  });

  test('gives packets to the newest of two connections with one key, warns both, and returns to the older', async () => {
    const { join } = await createWorld();
    const key = generatePrivateKey();
    const [older, other] = [await join({ privateKey: key }), await join()];
    other.send(older.keyRaw, packet('first'));
    await received(older);
    const newer = await join({ privateKey: key });
    for (const one of [older, newer]) expect((await one.next(HEALTH)).toString()).toMatch(/more than once/);
    other.send(older.keyRaw, packet('second'));
    expect((await received(newer)).text).toBe('second');
    newer.close();
    expect((await older.next(HEALTH)).toString()).toBe('');
    other.send(older.keyRaw, packet('third'));
    expect((await received(older)).text).toBe('third');
    expect(other.waiting(PEER_GONE)).toBe(0);
    older.close();
    expect((await other.next(PEER_GONE)).at(-1)).toBe(0);
  });

  test('never waits for a client that reads nothing: drops for it, serves the others, and cuts it in the end', async () => {
    const { join, relay, clock } = await createWorld({ sweepMs: 10, stuckMs: 1000 });
    const [sender, slow, quick] = [await join(), await join(), await join()];
    slow.socket.pause();
    const bulk = Buffer.alloc(32 * 1024);
    for (let sent = 0; sent < 2000; sent += 1) {
      sender.send(slow.keyRaw, bulk);
      if (sent % 50 === 0) await settled(sender);
    }
    sender.send(quick.keyRaw, packet('still here'));
    expect((await received(quick)).text).toBe('still here');
    // Of 64 MiB no more than a fifth waits, most of it in the sockets of the system.
    expect(relay.stats().droppedPackets).toBeGreaterThan(1600);
    clock.now += 1001;
    const gone = sender.next(PEER_GONE);
    expect((await gone).equals(Buffer.from([...slow.keyRaw, 0]))).toBe(true);
  });

  test('a slow client that reads again gets the newest packets', async () => {
    const { join, relay } = await createWorld();
    const [sender, slow] = [await join(), await join()];
    slow.socket.pause();
    let sent = 0;
    while (relay.stats().droppedPackets < 100) {
      const bulk = Buffer.alloc(16 * 1024);
      bulk.writeUInt32BE(sent, 0);
      sender.send(slow.keyRaw, bulk);
      sent += 1;
      if (sent % 20 === 0) await settled(sender);
    }
    await settled(sender);
    slow.socket.resume();
    let last = -1;
    let seen = 0;
    while (last !== sent - 1) {
      const number = (await slow.next(RECV)).readUInt32BE(32);
      expect(number).toBeGreaterThan(last);
      last = number;
      seen += 1;
    }
    expect(seen).toBe(sent - relay.stats().droppedPackets);
  });
});

test('no frames that a client can send stop the relay', async () => {
  const { join } = await createWorld();
  const [steady, other] = [await join(), await join()];
  const someFrame = fc.record({
    type: fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.constantFrom(0x02, 0x04, 0x07, 0x12)),
    payload: fc.uint8Array({ maxLength: 100 }),
    toOther: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(someFrame, { maxLength: 20 }),
      fc.uint8Array({ maxLength: 50 }),
      async (frames, garbage) => {
        const client = await join();
        for (const { type, payload, toOther } of frames) {
          client.write(type, toOther ? Buffer.concat([other.keyRaw, payload]) : payload);
        }
        client.socket.end(garbage);
        await client.ended;
      },
    ),
    { numRuns: 50 },
  );
  other.send(steady.keyRaw, packet('still here'));
  expect(await received(steady)).toEqual({ from: other.nodeKey, text: 'still here' });
});

describe('who may use the relay', () => {
  test('a node that the installation does not know is cut after its handshake', async () => {
    const { join, refuse, relay } = await createWorld();
    const key = generatePrivateKey();
    refuse(`nodekey:${Buffer.from(key.publicRaw).toString('hex')}`);
    await expect(join({ privateKey: key })).rejects.toThrow(/ended/);
    expect(relay.stats()).toMatchObject({ clients: 0, refused: 1 });
  });

  test('a node that is no longer known is cut, and its peers are told', async () => {
    const { join, refuse, relay } = await createWorld();
    const [a, b] = [await join(), await join()];
    a.send(b.keyRaw, packet('hi'));
    await received(b);
    refuse(a.nodeKey);
    await a.ended;
    expect((await b.next(PEER_GONE)).equals(Buffer.from([...a.keyRaw, 0]))).toBe(true);
    expect(relay.stats().clients).toBe(1);
  });

  test('a client that names a key that it does not hold is cut', async () => {
    const { join, relay } = await createWorld();
    const victim = await join();
    await expect(join({ claimedKey: victim.keyRaw })).rejects.toThrow(/ended/);
    expect(relay.stats()).toMatchObject({ clients: 1, refused: 1 });
  });

  test('a client that does not finish its handshake in time is cut', async () => {
    const { port, relay } = await createWorld({ handshakeMs: 30 });
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    socket.write('GET /derp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    await expect.poll(() => relay.stats()).toMatchObject({ connections: 0, refused: 1 });
  });

  test.each([
    ['anything but its information', `0400000020${'00'.repeat(32)}`],
    ['a huge first frame', '0200040000'],
    ['an unknown frame', 'ff00000000'],
  ])('a client that begins with %s is cut', async (_what, hex) => {
    const { port, relay } = await createWorld();
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    socket.write(
      'GET /derp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: DERP\r\nDerp-Fast-Start: 1\r\n\r\n',
    );
    socket.write(Buffer.from(hex, 'hex'));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(relay.stats().refused).toBe(1);
  });

  test('connections beyond the limit are cut at once', async () => {
    const { join, relay } = await createWorld({ maxConnections: 1 });
    await join();
    await expect(join()).rejects.toThrow(/ended/);
    expect(relay.stats()).toMatchObject({ connections: 1, refused: 1 });
  });
});

describe('the upgrade', () => {
  const upgrade = (port: number, head: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
      });
      socket.once('close', () => resolve(answer));
      socket.write(`${head}\r\nHost: x\r\nConnection: Upgrade\r\n\r\n`);
    });

  test('of another protocol or method is refused', async () => {
    const { port } = await createWorld();
    expect(await upgrade(port, 'GET /derp HTTP/1.1\r\nUpgrade: h2c')).toMatch(/^HTTP\/1.1 426 /);
    expect(await upgrade(port, 'POST /derp HTTP/1.1\r\nUpgrade: DERP')).toMatch(/^HTTP\/1.1 426 /);
  });

  test('to a WebSocket that does not speak of derp is refused', async () => {
    const { port } = await createWorld();
    const head = 'GET /derp HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';
    expect(await upgrade(port, head)).toMatch(/^HTTP\/1.1 400 /);
    const keyed = `${head}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==`;
    expect(await upgrade(port, keyed)).toMatch(/^HTTP\/1.1 400 /);
    expect(await upgrade(port, `${keyed}\r\nSec-WebSocket-Protocol: chat`)).toMatch(/^HTTP\/1.1 400 /);
  });
});

test('when the relay closes, clients hear that it restarts before their connection ends', async () => {
  const { join, relay } = await createWorld();
  const client = await join();
  relay.close();
  expect((await client.next(RESTARTING)).toString('hex')).toBe('0000000000007530');
  await client.ended;
  await expect(join()).rejects.toThrow();
  expect(client.waiting(SERVER_INFO)).toBe(0);
});
