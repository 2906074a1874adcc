import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createWorld, endWorlds, packet, received } from '../../../tests/support/relay-world.ts';
import { generatePrivateKey } from '../noise/index.ts';

/** The frames that clients get, as the protocol numbers them. */
const PEER_GONE = 0x08;

afterEach(endWorlds);

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
