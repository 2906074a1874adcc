import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createWorld,
  endWorlds,
  packet,
  privateKey,
  received,
  settled,
} from '../../../tests/support/relay-world.ts';
import { generatePrivateKey } from '../noise/index.ts';

/** The frames that clients get, as the protocol numbers them. */
const RECV = 0x05;
const KEEP_ALIVE = 0x06;
const PEER_GONE = 0x08;
const PONG = 0x13;
const HEALTH = 0x14;
const RESTARTING = 0x15;
const SERVER_INFO = 0x03;

afterEach(endWorlds);

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

test('when the relay closes, clients hear that it restarts before their connection ends', async () => {
  const { join, relay } = await createWorld();
  const client = await join();
  relay.close();
  expect((await client.next(RESTARTING)).toString('hex')).toBe('0000000000007530');
  await client.ended;
  await expect(join()).rejects.toThrow();
  expect(client.waiting(SERVER_INFO)).toBe(0);
});
