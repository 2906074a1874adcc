// The embedded relay of the product as it starts by default, with clients in TypeScript.
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { formatKey, generatePrivateKey } from '../../src/control/noise/index.ts';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { freePort } from '../support/free-port.ts';
import { initialise, type Server, serve } from '../support/holdfast.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startProgram } from '../support/program.ts';
import { connectRelay, sha256, type TestRelayClient } from '../support/relay-client.ts';
import { createRest, type Rest } from '../support/rest.ts';
import { DeviceList, NewKey } from './wire.ts';

const REGION = '999';
const RECV_PACKET = 0x05;
/** Promised within a second; asserted at five times that. */
const CUT_WITHIN_MS = 5000;

let directory: string;
let apiKey: string;
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-relay-'));
  apiKey = (await initialise(['--data', directory], 'acme')).api_key;
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(...flags: string[]): Promise<{ server: Server; rest: Rest; authKey: string }> {
  const server = await serve(
    (command) => startProgram(command, path.join(directory, 'log')),
    ...['--data', directory, ...(flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']), ...flags],
  );
  undo.push(server.stop);
  const rest = createRest({ url: server.url, token: apiKey });
  const create = { reusable: true, ephemeral: false, preauthorized: true };
  const key = await rest.ask('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } });
  return { server, rest, authKey: NewKey.parse(key).key };
}

/** Joins, and returns the node of its relay map with the private half of its key. */
async function join(url: string, authKey: string, hostname: string) {
  const privateKey = generatePrivateKey();
  const nodeKey = formatKey('node', privateKey.publicRaw);
  const device = createTestDevice({ url, hostname, authKey, nodeKey });
  undo.push(device.close);
  await device.join();
  return { device, privateKey, nodeKey, relay: relayOf(device) };
}

function relayOf(device: TestDevice) {
  const node = device.netmap().derpMap?.Regions?.[REGION]?.Nodes[0];
  if (node === undefined) throw new Error(`no relay in ${JSON.stringify(device.netmap().derpMap)}`);
  return node;
}

/** What a client does that has a pinned relay: takes the certificate with that hash, and no other. */
async function pinnedCertificate(host: string, port: number, servername: string) {
  const raw = await new Promise<Buffer>((resolve, reject) => {
    const socket = connect({ host, port, servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().raw);
      socket.destroy();
    });
    socket.once('error', reject);
  });
  return { hash: `sha256-raw:${sha256(raw)}`, certificate: new X509Certificate(raw) };
}

async function connectAs({ relay, privateKey }: Awaited<ReturnType<typeof join>>): Promise<TestRelayClient> {
  const { IPv4: host = '', DERPPort: port = 0, HostName: servername } = relay;
  const { certificate } = await pinnedCertificate(host, port, servername);
  const client = await connectRelay({ host, port, servername, ca: certificate.toString(), privateKey });
  undo.push(client.close);
  return client;
}

describe('the embedded relay', () => {
  test('is told to devices with the hash of its certificate, which is kept when the server starts again', async () => {
    const first = await start();
    const { relay } = await join(first.server.url, first.authKey, 'alpha');
    expect(relay).toMatchObject({ HostName: 'relay.holdfast.internal', IPv4: '127.0.0.1', IPv6: 'none' });
    const found = await pinnedCertificate('127.0.0.1', relay.DERPPort ?? 0, relay.HostName);
    expect(found.hash).toBe(relay.CertName);
    expect(found.certificate.checkHost(relay.HostName)).toBe(relay.HostName);
    await first.server.stop();
    const second = await start();
    const again = await join(second.server.url, second.authKey, 'beta');
    expect(again.relay.CertName).toBe(relay.CertName);
  });

  test('passes packets between devices, and cuts a device that is deleted', async () => {
    const { server, rest, authKey } = await start();
    const [a, b] = [await join(server.url, authKey, 'left'), await join(server.url, authKey, 'right')];
    const [left, right] = [await connectAs(a), await connectAs(b)];
    left.send(right.keyRaw, Buffer.from('over the relay'));
    const got = await right.next(RECV_PACKET);
    expect(got.subarray(0, 32).equals(Buffer.from(left.keyRaw))).toBe(true);
    expect(got.toString('utf8', 32)).toBe('over the relay');

    const { devices } = DeviceList.parse(await rest.ask('GET', '/api/v2/tailnet/-/devices?fields=all'));
    const { id } = devices.find(({ nodeKey }) => nodeKey === a.nodeKey)!;
    await rest.ask('DELETE', `/api/v2/device/${id}`);
    const asked = performance.now();
    await left.ended;
    expect(performance.now() - asked).toBeLessThan(CUT_WITHIN_MS);
    await expect(connectAs(a)).rejects.toThrow(/ended/);
  });

  test('cuts a device whose key is expired', async () => {
    const { server, rest, authKey } = await start();
    const joined = await join(server.url, authKey, 'expiring');
    const client = await connectAs(joined);
    const { devices } = DeviceList.parse(await rest.ask('GET', '/api/v2/tailnet/-/devices?fields=all'));
    const { id } = devices.find(({ nodeKey }) => nodeKey === joined.nodeKey)!;
    await rest.ask('POST', `/api/v2/device/${id}/expire`);
    const asked = performance.now();
    await client.ended;
    expect(performance.now() - asked).toBeLessThan(CUT_WITHIN_MS);
    await expect(connectAs(joined)).rejects.toThrow(/ended/);
  });

  test('takes another port when the usual one is taken, and refuses to start when that was asked for', async () => {
    const { port, wanted } = await portBeforeTaken();
    const { server, authKey } = await start('--listen', `127.0.0.1:${port}`);
    const { relay } = await join(server.url, authKey, 'elsewhere');
    expect(relay.DERPPort).not.toBe(wanted);
    const found = await pinnedCertificate('127.0.0.1', relay.DERPPort ?? 0, relay.HostName);
    expect(found.hash).toBe(relay.CertName);
    await server.stop();
    await expect(start('--derp-listen', `127.0.0.1:${wanted}`)).rejects.toThrow(
      /127\.0\.0\.1:\d+ is in use by another program: stop it, or choose another port with --derp-listen/,
    );
  });

  test('lets in nobody that the installation does not know', async () => {
    const { server, authKey } = await start();
    const known = await join(server.url, authKey, 'known');
    await expect(connectAs({ ...known, privateKey: generatePrivateKey() })).rejects.toThrow(/ended/);
  });

  test('answers STUN at the port of the map', async () => {
    const { server, authKey } = await start();
    const { relay } = await join(server.url, authKey, 'stunned');
    const socket = createSocket('udp4');
    undo.push(() => socket.close());
    const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    socket.send(Buffer.from('000100002112a442000102030405060708090a0b', 'hex'), relay.STUNPort, '127.0.0.1');
    expect((await answer).toString('hex', 0, 20)).toBe('0101000c2112a442000102030405060708090a0b');
  });

  test('tells relays elsewhere which nodes they may serve', async () => {
    const { server, authKey } = await start('--no-derp');
    const { device, nodeKey } = await createJoined(server.url, authKey);
    const verify = async (body: unknown) => {
      const answer = await fetch(`${server.url}/verify`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, body: await answer.json() };
    };
    const unknown = formatKey('node', generatePrivateKey().publicRaw);
    expect(await verify({ NodePublic: nodeKey, Source: '192.0.2.1' })).toEqual({
      status: 200,
      body: { Allow: true },
    });
    expect(await verify({ NodePublic: unknown })).toEqual({ status: 200, body: { Allow: false } });
    expect((await verify({ NodePublic: 'nodekey:1' })).status).toBe(400);
    expect((await verify({ NodePublic: nodeKey, x: 'y'.repeat(5000) })).status).toBe(413);
    expect(device.netmap().derpMap?.Regions ?? {}).toEqual({});
  });

  test('is told by the name of the public URL, with a certificate for it', async () => {
    const { server, authKey } = await start('--public-url', 'http://net.example.test:8484');
    const { relay } = await join(server.url, authKey, 'named');
    expect(relay).toMatchObject({ HostName: 'net.example.test' });
    expect(relay.IPv4).toBeUndefined();
    const found = await pinnedCertificate('127.0.0.1', relay.DERPPort ?? 0, 'net.example.test');
    expect(found.hash).toBe(relay.CertName);
    expect(found.certificate.checkHost('net.example.test')).toBe('net.example.test');
  });

  test('is reached on the origin itself when a proxy gives that TLS', async () => {
    const { server, authKey } = await start('--public-url', 'https://net.example.test');
    const { relay, privateKey } = await join(server.url, authKey, 'proxied');
    expect(relay).toMatchObject({ HostName: 'net.example.test', DERPPort: 443 });
    expect(relay.CertName).toBeUndefined();
    const client = await connectRelay({ port: Number(new URL(server.url).port), privateKey });
    undo.push(client.close);
    expect(client.serverInfo).toEqual({ version: 2 });
  });
});

describe('two processes on one database', () => {
  test('tell devices of one relay, at which the devices of both meet', async () => {
    const database = ['--database-url', await createTestDatabase()];
    const { api_key: token } = await initialise(database, 'shared');
    const begin = async (name: string) => {
      const server = await serve(
        (command) => startProgram(command, path.join(directory, name)),
        ...[...database, '--listen', '127.0.0.1:0'],
      );
      undo.push(server.stop);
      return server.url;
    };
    const [first, second] = [await begin('first.log'), await begin('second.log')];
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const authKey = NewKey.parse(
      await createRest({ url: first, token }).ask('POST', '/api/v2/tailnet/-/keys', {
        capabilities: { devices: { create } },
      }),
    ).key;
    const [a, b] = [await join(first, authKey, 'one'), await join(second, authKey, 'two')];
    expect(b.relay).toEqual(a.relay);
    const [left, right] = [await connectAs(a), await connectAs(b)];
    left.send(right.keyRaw, Buffer.from('across processes'));
    expect((await right.next(RECV_PACKET)).toString('utf8', 32)).toBe('across processes');
  });
});

/** A free port whose next one is taken until the test ends. */
async function portBeforeTaken(): Promise<{ port: number; wanted: number }> {
  const listenOn = (port: number) =>
    new Promise<TcpServer>((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server));
    });
  while (true) {
    const port = await freePort();
    const next = await listenOn(port + 1).catch(() => undefined);
    if (next === undefined) continue;
    undo.push(() => next.close());
    return { port, wanted: port + 1 };
  }
}

async function createJoined(url: string, authKey: string) {
  const nodeKey = formatKey('node', generatePrivateKey().publicRaw);
  const device = createTestDevice({ url, hostname: 'plain', authKey, nodeKey });
  undo.push(device.close);
  await device.join();
  return { device, nodeKey };
}
