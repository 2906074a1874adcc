import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type ControlConnection,
  dialControl,
  upgradeRequest,
} from '../../../tests/client/control-connection.ts';
import { openRequest, request } from '../../../tests/client/request.ts';
import { until } from '../../../tests/support/until.ts';
import { generatePrivateKey, initiate } from '../noise/index.ts';
import {
  BodyError,
  type ControlRequestHandler,
  type ControlTransport,
  type ControlTransportLimits,
  createBodyReader,
  createControlTransport,
} from './index.ts';

const MIB = 1024 * 1024;

interface Running {
  readonly url: string;
  readonly port: number;
  readonly transport: ControlTransport;
  readonly warnings: string[];
  dial(capver?: number): Promise<ControlConnection & { machineKey: string }>;
}

const machineKey = generatePrivateKey();
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

async function serve(
  onRequest: ControlRequestHandler,
  limits: Partial<ControlTransportLimits> = {},
): Promise<Running> {
  const warnings: string[] = [];
  const transport = createControlTransport({
    machineKey,
    onRequest,
    limits,
    log: { debug() {}, warn: (_fields, message) => warnings.push(message) },
  });
  const server: Server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (message, socket, head) => transport.handleUpgrade(message, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  cleanups.push(() => {
    transport.close();
    server.close();
  });
  return {
    url,
    port,
    transport,
    warnings,
    async dial(capver = 142) {
      const own = generatePrivateKey();
      const connection = await dialControl({
        url,
        machineKey: own,
        serverKey: machineKey.publicText,
        capver,
      });
      cleanups.push(() => connection.cut());
      return { ...connection, machineKey: own.publicText };
    },
  };
}

const readBody = createBodyReader();
const echo: ControlRequestHandler = async (context, stream, headers) => {
  const body = await readBody(stream);
  stream.respond({
    ':status': 200,
    'x-machine': context.machineKey,
    'x-capver': String(context.capver),
    'x-remote': context.remoteAddress,
    'x-connection': String(context.connectionId),
    'x-path': String(headers[':path']),
    'x-method': String(headers[':method']),
    'x-scheme': String(headers[':scheme']),
    'x-lb': String(headers['ts-lb'] ?? ''),
  });
  stream.end(body);
};

/** Sends raw bytes on a fresh socket and collects what comes until it is closed or `waitMs` have passed. */
function raw(
  port: number,
  bytes: string | Uint8Array,
  waitMs = 3000,
): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => settle(false), waitMs);
    function settle(closed: boolean): void {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text: Buffer.concat(chunks).toString('latin1'), closed });
    }
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', () => settle(true));
    socket.on('error', (error: NodeJS.ErrnoException) => error.code !== 'ECONNRESET' && reject(error));
  });
}

describe('a request through upgrade, Noise and HTTP/2', () => {
  test('reaches the handler with who called, and its answer comes back', async () => {
    const { dial } = await serve(echo);
    const { http2, machineKey: own } = await dial(138);
    const answer = await request(http2, {
      path: '/machine/register',
      body: '{"Version":138}',
      headers: { 'ts-lb': ['nodekey:new', 'nodekey:old'] },
    });
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe('{"Version":138}');
    expect(answer.headers).toMatchObject({
      'x-machine': own,
      'x-capver': '138',
      'x-remote': '127.0.0.1',
      'x-connection': '1',
      'x-path': '/machine/register',
      'x-method': 'POST',
      'x-scheme': 'https',
      'x-lb': 'nodekey:new, nodekey:old',
    });
  });

  test('may be GET with a body, or have none', async () => {
    const { dial } = await serve(echo);
    const { http2 } = await dial();
    const withBody = await request(http2, { method: 'GET', path: '/machine/tka/bootstrap', body: '{}' });
    expect(withBody.body.toString()).toBe('{}');
    const without = await request(http2, { method: 'GET', path: '/machine/whoami' });
    expect(without.body).toHaveLength(0);
  });

  test('comes after an early payload with a challenge, in one segment with the upgrade', async () => {
    const { url, port } = await serve(echo);
    const { initiation } = initiate(generatePrivateKey(), machineKey.publicRaw, 142);
    const { early, cut } = await dialControl({
      url,
      machineKey: generatePrivateKey(),
      serverKey: machineKey.publicText,
      capver: 142,
    });
    expect(early).toEqual({ nodeKeyChallenge: expect.stringMatching(/^chalpub:[0-9a-f]{64}$/) });
    cut();
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(upgradeRequest('x', initiation)));
    socket.on('data', (chunk) => chunks.push(chunk));
    await until(() => chunks.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    const first = chunks[0]!;
    const noise = first.subarray(first.indexOf('\r\n\r\n') + 4);
    // Response, early payload, and at least the 9 bytes of an HTTP/2 settings frame, each record with 19 bytes of its own.
    expect(noise.length).toBeGreaterThan(51 + (9 + 94 + 19) + (9 + 19));
    expect(chunks).toHaveLength(1);
  });

  test('has no early payload before it for a client too old to look for one', async () => {
    const { dial } = await serve(echo);
    const { early, http2 } = await dial(48);
    expect(early).toBeUndefined();
    expect((await request(http2, { path: '/', body: 'x' })).body.toString()).toBe('x');
  });

  test('works when the client sends its first Noise bytes in one segment with the upgrade', async () => {
    // A client can do so only after the response, so what arrives early is at best garbage: it must not be lost either.
    const { port, transport } = await serve(echo);
    const { initiation } = initiate(generatePrivateKey(), machineKey.publicRaw, 142);
    const tail = Buffer.from([4, 0, 16, ...Buffer.alloc(16)]);
    const { closed } = await raw(port, Buffer.concat([Buffer.from(upgradeRequest('x', initiation)), tail]));
    expect(closed).toBe(true);
    expect(transport.stats().broken).toBe(1);
  });

  test('carries 300 kB up and down', async () => {
    const { dial } = await serve(echo);
    const { http2 } = await dial();
    const body = Buffer.alloc(300_000, 'abcdefg');
    expect((await request(http2, { path: '/', body })).body.equals(body)).toBe(true);
  });

  test('is answered piece by piece while a stream stays open, beside other requests', async () => {
    let push: ((text: string) => void) | undefined;
    const { dial } = await serve(async (context, stream, headers) => {
      if (headers[':path'] !== '/machine/map') return echo(context, stream, headers);
      await readBody(stream);
      stream.respond({ ':status': 200 });
      push = (text) => stream.write(text);
    });
    const { http2 } = await dial();
    const { stream } = await openRequest(http2, { path: '/machine/map', body: '{}' });
    const pieces: string[] = [];
    stream.on('data', (chunk: Buffer) => pieces.push(chunk.toString()));
    for (const text of ['one', 'two', 'three']) {
      push?.(text);
      await until(() => pieces.at(-1) === text);
      expect((await request(http2, { path: '/other', body: text })).body.toString()).toBe(text);
    }
    expect(pieces).toEqual(['one', 'two', 'three']);
  });
});

describe('200 sessions at once', () => {
  test('each gets its own answers, and the count returns to none', async () => {
    const { dial, transport } = await serve(echo);
    const sessions = await Promise.all(Array.from({ length: 200 }, () => dial()));
    expect(transport.stats()).toMatchObject({ connections: 200, accepted: 200, broken: 0 });
    const answers = await Promise.all(
      sessions.flatMap(({ http2, machineKey: own }, index) =>
        [0, 1, 2].map(async (turn) => {
          const body = `${index}-${turn}-`.repeat(1 + ((index * 7) % 500));
          const answer = await request(http2, { path: `/${turn}`, body });
          return answer.body.toString() === body && answer.headers['x-machine'] === own;
        }),
      ),
    );
    expect(answers.every(Boolean)).toBe(true);
    for (const { cut } of sessions) cut();
    await until(() => transport.stats().connections === 0);
  }, 60_000);
});

describe('an upgrade that cannot be served', () => {
  const post = (...headers: string[]): string =>
    ['POST /ts2021 HTTP/1.1', 'Host: x', 'Connection: upgrade', ...headers, '', ''].join('\r\n');
  const protocol = 'Upgrade: tailscale-control-protocol';
  const valid = initiate(generatePrivateKey(), machineKey.publicRaw, 142).initiation.toString('base64');
  const foreign = initiate(generatePrivateKey(), generatePrivateKey().publicRaw, 142).initiation.toString(
    'base64',
  );

  test.each([
    ['another protocol', post('Upgrade: websocket'), 'unknown next protocol'],
    ['no handshake', post(protocol), 'missing Tailscale handshake header'],
    ['an empty handshake', post(protocol, 'X-Tailscale-Handshake: '), 'missing Tailscale handshake header'],
    ['no base64', post(protocol, 'X-Tailscale-Handshake: !!!!'), 'invalid tailscale handshake header'],
    [
      'unpadded base64',
      post(protocol, `X-Tailscale-Handshake: ${valid.slice(0, -1)}`),
      'invalid tailscale handshake header',
    ],
    [
      'too few bytes',
      post(protocol, `X-Tailscale-Handshake: ${valid.slice(4)}`),
      'invalid tailscale handshake header',
    ],
    [
      'a handshake with another server',
      post(protocol, `X-Tailscale-Handshake: ${foreign}`),
      'tailscale handshake failed',
    ],
  ])('with %s gets 400 and the reason', async (_case, bytes, reason) => {
    const { port, transport } = await serve(echo);
    const { text, closed } = await raw(port, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text.endsWith(`\r\n\r\n${reason}\n`)).toBe(true);
    expect(closed).toBe(true);
    expect(transport.stats()).toMatchObject({ connections: 0, accepted: 0, refused: { [reason]: 1 } });
  });

  test('because too many are connected gets 503 and a time to come back', async () => {
    const { port, dial, transport } = await serve(echo, { maxConnections: 2 });
    await dial();
    const second = await dial();
    const { text } = await raw(port, post(protocol, `X-Tailscale-Handshake: ${valid}`));
    expect(text).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(text).toMatch(/\r\nRetry-After: \d+\r\n/);
    second.cut();
    await until(() => transport.stats().connections === 1);
    await expect(dial()).resolves.toBeDefined();
  });
});

describe('a connection that misbehaves', () => {
  test('by a tampered record ends alone', async () => {
    const { dial, transport } = await serve(echo);
    const bad = await dial();
    const good = await dial();
    const gone = new Promise((resolve) => bad.http2.once('close', resolve));
    bad.socket.write(Buffer.from([4, 0, 20, ...Buffer.alloc(20, 1)]));
    await gone;
    expect((await request(good.http2, { path: '/', body: 'still here' })).body.toString()).toBe('still here');
    expect(transport.stats()).toMatchObject({ connections: 1, broken: 1 });
  });

  test('by bytes inside Noise that are not HTTP/2 ends alone', async () => {
    const { dial, transport, url } = await serve(echo);
    const good = await dial();
    const own = generatePrivateKey();
    const connection = await dialControl({
      url,
      machineKey: own,
      serverKey: machineKey.publicText,
      capver: 142,
    });
    // The client's HTTP/2 has sent its preface; a frame of an impossible size after it is an HTTP/2 error.
    await request(connection.http2, { path: '/', body: 'x' });
    const gone = new Promise((resolve) => connection.http2.once('close', resolve));
    connection.plain.write(Buffer.alloc(64, 0xff));
    await gone;
    expect((await request(good.http2, { path: '/', body: 'y' })).body.toString()).toBe('y');
    await until(() => transport.stats().connections === 1);
  });

  test('by never making a request is cut off in time; one that made one is kept', async () => {
    const { dial, transport } = await serve(echo, { firstRequestMs: 1_000 });
    const active = await dial();
    await request(active.http2, { path: '/', body: 'x' });
    const silent = await dial();
    const gone = new Promise((resolve) => silent.http2.once('close', resolve));
    await gone;
    // The other is older, so its time was over before.
    expect(transport.stats().connections).toBe(1);
    expect((await request(active.http2, { path: '/', body: 'x' })).status).toBe(200);
  });

  test('by doing nothing for long is closed, but not while a request is open', async () => {
    const { dial, transport } = await serve(
      async (context, stream, headers) => {
        if (headers[':path'] === '/hold') stream.respond({ ':status': 200 });
        else await echo(context, stream, headers);
      },
      { idleMs: 200, firstRequestMs: 10_000 },
    );
    const idle = await dial();
    await request(idle.http2, { path: '/', body: 'x' });
    const holding = await dial();
    await openRequest(holding.http2, { path: '/hold', body: '{}' });
    await new Promise((resolve) => idle.http2.once('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(transport.stats().connections).toBe(1);
    expect(holding.http2.destroyed).toBe(false);
  });
});

describe('a handler that fails', () => {
  test('becomes a bare 500, and later requests on the connection work', async () => {
    const { dial, warnings } = await serve((context, stream, headers) => {
      if (headers[':path'] === '/throw') throw new Error('the secret reason');
      if (headers[':path'] === '/reject') return Promise.reject(new Error('the secret reason'));
      return echo(context, stream, headers);
    });
    const { http2 } = await dial();
    for (const path of ['/throw', '/reject']) {
      const answer = await request(http2, { path, body: '{}' });
      expect(answer.status).toBe(500);
      expect(answer.body).toHaveLength(0);
    }
    expect(warnings).toHaveLength(2);
    expect((await request(http2, { path: '/', body: 'x' })).status).toBe(200);
  });

  test('after its answer began resets that stream alone', async () => {
    const { dial } = await serve(async (context, stream, headers) => {
      if (headers[':path'] !== '/half') return echo(context, stream, headers);
      stream.respond({ ':status': 200 });
      stream.write('half an answer');
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('too late');
    });
    const { http2 } = await dial();
    await expect(request(http2, { path: '/half', body: '{}' })).rejects.toThrow();
    expect((await request(http2, { path: '/', body: 'x' })).status).toBe(200);
  });
});

describe('a request body', () => {
  const guarded =
    (reader: ReturnType<typeof createBodyReader>): ControlRequestHandler =>
    async (_context, stream) => {
      try {
        const body = await reader(stream);
        stream.respond({ ':status': 200 });
        stream.end(String(body.length));
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        stream.respond({ ':status': error.status });
        stream.end(error.message);
      }
    };

  test('of the limit is read; a byte more is 413 and the connection lives on', async () => {
    const { dial } = await serve(guarded(createBodyReader()));
    const { http2 } = await dial();
    expect((await request(http2, { path: '/', body: Buffer.alloc(MIB) })).body.toString()).toBe(String(MIB));
    const refused = await request(http2, { path: '/', body: Buffer.alloc(MIB + 1) });
    expect(refused.status).toBe(413);
    expect(refused.body.toString()).toBe('the request body is larger than 1048576 bytes');
    expect((await request(http2, { path: '/', body: 'abc' })).body.toString()).toBe('3');
  });

  test('that does not come in time is 408', async () => {
    const { dial } = await serve(guarded(createBodyReader({ timeoutMs: 100 })));
    const { http2 } = await dial();
    const stream = http2.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('the first half');
    const status = await new Promise((resolve) =>
      stream.once('response', (headers) => resolve(headers[':status'])),
    );
    expect(status).toBe(408);
  });

  test('beyond what all may hold together is 503, and room is given back', async () => {
    const { dial } = await serve(guarded(createBodyReader({ maxTotalBytes: 100, timeoutMs: 20_000 })));
    const { http2 } = await dial();
    const first = http2.request({ ':method': 'POST', ':path': '/' });
    first.on('error', () => {});
    first.write(Buffer.alloc(80));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await request(http2, { path: '/', body: Buffer.alloc(50) })).status).toBe(503);
    first.end();
    await new Promise((resolve) => first.resume().once('close', resolve));
    expect((await request(http2, { path: '/', body: Buffer.alloc(100) })).status).toBe(200);
  });

  test('of a client that vanishes rejects, and leaves nothing behind', async () => {
    const outcome = Promise.withResolvers<unknown>();
    const reader = createBodyReader();
    const { dial } = await serve((_context, stream) => {
      reader(stream).then(outcome.resolve, outcome.resolve);
    });
    const { http2, cut } = await dial();
    const stream = http2.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('half');
    await new Promise((resolve) => setTimeout(resolve, 50));
    cut();
    expect(await outcome.promise).toMatchObject({ code: 'aborted' });
  });
});

describe('draining', () => {
  const SPREAD_MS = 2_000;

  test('ends connections spread over the time given and takes no new ones', async () => {
    const { dial, transport } = await serve(echo);
    const ended: number[] = [];
    for (let count = 0; count < 5; count++) {
      const { http2 } = await dial();
      http2.once('close', () => ended.push(performance.now()));
    }
    const began = performance.now();
    const drained = transport.drain(SPREAD_MS);
    await expect(dial()).rejects.toThrow('503');
    await drained;
    await until(() => ended.length === 5);
    expect(transport.stats().connections).toBe(0);
    // The first at once, and the last after four fifths of it.
    expect(ended.at(-1)! - began).toBeGreaterThanOrEqual(0.75 * SPREAD_MS);
    expect(ended[0]! - began).toBeLessThan(0.75 * SPREAD_MS);
  });

  test('lets an open request finish, and cuts one that does not', async () => {
    const { dial, transport } = await serve(async (_context, stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.write('begun ');
      if (headers[':path'] === '/short') setTimeout(() => stream.end('finished'), 200);
    });
    const short = await dial();
    const endless = await dial();
    const finished = request(short.http2, { path: '/short', body: '{}' });
    const { stream } = await openRequest(endless.http2, { path: '/endless', body: '{}' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await transport.drain(0);
    expect((await finished).body.toString()).toBe('begun finished');
    await until(() => stream.destroyed && endless.http2.destroyed);
  });
});
