import { createServer } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generatePrivateKey } from '../../src/control/noise/index.ts';
import {
  type ControlTransport,
  createBodyReader,
  createControlTransport,
} from '../../src/control/transport/index.ts';
import {
  encodeKeepAlive,
  encodeMessage,
  encodePart,
  joinMessage,
  type MapRequest,
  type MapResponse,
  type RegisterRequest,
} from '../../src/control/wire/index.ts';
import { createTestDevice, HttpStatusError, peerNamed, type TestDevice } from './index.ts';

// A server of a few lines, so that the client's own behaviour is what is tested: it lets in whoever knows the auth key, gives
// everybody the same peer, and keeps the requests it got.
const AUTH_KEY = 'good-key';
const self = (key: string): string =>
  `"Node":{"ID":1,"StableID":"n1","Name":"self.example.","User":1,"Key":"${key}","Addresses":[],"MachineAuthorized":true}`;
const PEER = '{"ID":2,"StableID":"n2","Name":"beta.example.","User":1,"Key":"nodekey:2","Addresses":[]}';

let url: string;
let transport: ControlTransport;
let stop: () => void;
const registered: RegisterRequest[] = [];
const updates: MapRequest[] = [];
const streams = new Map<string, ServerHttp2Stream>();

beforeAll(async () => {
  const readBody = createBodyReader();
  transport = createControlTransport({
    machineKey: generatePrivateKey(),
    onRequest: async (_context, stream, headers) => {
      const body = JSON.parse((await readBody(stream)).toString('utf8')) as RegisterRequest & MapRequest;
      if (headers[':path'] === '/machine/register') {
        registered.push(body);
        const ok = body.Auth?.AuthKey === AUTH_KEY;
        stream.respond({ ':status': 200 });
        stream.end(
          JSON.stringify({
            User: { ID: 1, DisplayName: '' },
            Login: {},
            NodeKeyExpired: body.Expiry === '1970-01-01T00:02:03Z',
            MachineAuthorized: ok,
            AuthURL: '',
            Error: ok ? '' : 'invalid key',
          }),
        );
        return;
      }
      if (!registered.some(({ NodeKey }) => NodeKey === body.NodeKey)) {
        stream.respond({ ':status': 404 });
        stream.end('node not found');
        return;
      }
      stream.respond({ ':status': 200 });
      if (body.OmitPeers) {
        updates.push(body);
        stream.end();
        return;
      }
      const compression = body.Compress === 'zstd' ? 'zstd' : 'none';
      // The first message in parts, after a keep-alive: both are legal.
      stream.write(encodeKeepAlive(compression));
      const parts = [`{${self(body.NodeKey)},`, `"Peers":[${PEER}]`, '}'];
      stream.write(joinMessage(parts.map((part) => encodePart(part, compression))));
      if (body.Stream) streams.set(body.NodeKey, stream);
      else stream.end();
    },
  });
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://x');
    const { status, headers, body } = transport.keyResponse(searchParams.get('v'));
    response.writeHead(status, headers).end(body);
  });
  server.on('upgrade', (request, socket, head) => transport.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () => {
    transport.close();
    server.close();
  };
});
afterAll(() => stop());

const push = (device: TestDevice, message: MapResponse): void => {
  streams.get(device.nodeKey())?.write(encodeMessage(JSON.stringify(message), 'zstd'));
};

describe('the test device', () => {
  test('joins, sees its netmap, reports what it is, and follows changes', async () => {
    const device = createTestDevice({ url, hostname: 'alpha', authKey: AUTH_KEY, hostinfo: { OS: 'plan9' } });
    const first = await device.join();
    expect(first.self?.Key).toBe(device.nodeKey());
    expect(peerNamed(first, 'beta')?.ID).toBe(2);
    expect(updates.at(-1)).toMatchObject({
      NodeKey: device.nodeKey(),
      OmitPeers: true,
      Hostinfo: { Hostname: 'alpha', OS: 'plan9', NetInfo: { PreferredDERP: 900 } },
      Endpoints: ['198.51.100.7:41641', '10.0.0.7:41641'],
      EndpointTypes: [2, 1],
    });
    expect(updates.at(-1)).not.toHaveProperty('Stream');
    push(device, { OnlineChange: { 2: true } });
    const changed = await device.waitFor((map) => peerNamed(map, 'beta')?.Online === true);
    expect(changed).toBe(device.netmap());
    expect(device.counters).toMatchObject({ messages: 2, keepAlives: 1 });
    expect(device.counters.bytes).toBeGreaterThan(0);
    expect(device.messages()).toHaveLength(2);
    device.close();
  });

  test('keeps what it reports until told otherwise', async () => {
    const device = createTestDevice({ url, hostname: 'beta', authKey: AUTH_KEY });
    await device.join();
    await device.update({ homeDerp: 901, endpoints: ['192.0.2.1:9'] });
    await device.update({ hostinfo: { RoutableIPs: ['10.0.0.0/8'] } });
    expect(updates.at(-1)).toMatchObject({
      Hostinfo: { NetInfo: { PreferredDERP: 901, WorkingUDP: true }, RoutableIPs: ['10.0.0.0/8'] },
      Endpoints: ['192.0.2.1:9'],
    });
    device.close();
  });

  test('may ask for plain JSON, and for one map without a stream', async () => {
    const device = createTestDevice({ url, hostname: 'plain', authKey: AUTH_KEY, compress: '' });
    await device.register();
    expect(await device.fetchMap()).toEqual({ KeepAlive: true });
    expect((await device.startMap()).peers.size).toBe(1);
    device.close();
  });

  test('gives the server’s refusals as they are', async () => {
    const device = createTestDevice({ url, hostname: 'gamma', authKey: 'bad-key' });
    expect(await device.register()).toMatchObject({ Error: 'invalid key', MachineAuthorized: false });
    await expect(device.join()).rejects.toThrow('gamma was not let in');
    device.rotateNodeKey();
    const refused = device.startMap();
    await expect(refused).rejects.toBeInstanceOf(HttpStatusError);
    await expect(refused).rejects.toMatchObject({ status: 404, text: 'node not found' });
    device.close();
  });

  test('logs out by an expiry long past', async () => {
    const device = createTestDevice({ url, hostname: 'delta', authKey: AUTH_KEY });
    await device.join();
    expect(await device.logout()).toMatchObject({ NodeKeyExpired: true });
    expect(registered.at(-1)).toMatchObject({ NodeKey: device.nodeKey(), Expiry: '1970-01-01T00:02:03Z' });
    device.close();
  });

  test('renews its key, naming the old one', async () => {
    const device = createTestDevice({ url, hostname: 'eps', authKey: AUTH_KEY });
    await device.join();
    const oldNodeKey = device.rotateNodeKey();
    await device.register({ oldNodeKey });
    expect(registered.at(-1)).toMatchObject({ NodeKey: device.nodeKey(), OldNodeKey: oldNodeKey });
    expect(device.nodeKey()).not.toBe(oldNodeKey);
    device.close();
  });

  test('drops its connection and comes back with a fresh netmap on a new one', async () => {
    const device = createTestDevice({ url, hostname: 'zeta', authKey: AUTH_KEY });
    await device.join();
    push(device, { PeersRemoved: [2] });
    await device.waitFor((map) => map.peers.size === 0);
    device.drop();
    expect(device.isStreaming()).toBe(false);
    expect((await device.reconnect()).peers.size).toBe(1);
    device.close();
  });

  test('notices when the server ends its stream, and says what it saw when a wait is in vain', async () => {
    const device = createTestDevice({ url, hostname: 'eta', authKey: AUTH_KEY });
    await device.join();
    const wait = device.waitFor(() => false, 100, 'peer gamma');
    await expect(wait).rejects.toThrow(/eta: no peer gamma within 100 ms; stream open, .*2 beta\.example\./);
    streams.get(device.nodeKey())?.end();
    await device.waitForEnd();
    expect(device.isStreaming()).toBe(false);
    device.close();
  });

  test('runs in hundreds', async () => {
    const devices = Array.from({ length: 300 }, (_, index) =>
      createTestDevice({ url, hostname: `many-${index}`, authKey: AUTH_KEY }),
    );
    await Promise.all(devices.map((device) => device.join()));
    for (const device of devices) push(device, { PeersChangedPatch: [{ NodeID: 2, DERPRegion: 7 }] });
    await Promise.all(devices.map((device) => device.waitFor((map) => map.peers.get(2)?.HomeDERP === 7)));
    expect(devices.every((device) => device.isStreaming())).toBe(true);
    for (const device of devices) device.close();
  }, 60_000);
});
