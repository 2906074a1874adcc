import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createOutgoing, type Exchange } from './exchange.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function listen(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
const make = (options: { allowPrivate?: boolean; timeoutMs?: number } = {}): Exchange => {
  const outgoing = createOutgoing({ allowPrivate: true, userAgent: 'test', ...options });
  undo.push(outgoing.close);
  return outgoing.exchange;
};
const posted = (url: string) => ({ method: 'POST', url, body: '[]', headers: {} }) as const;

test('an endpoint that does not answer in time has failed', async () => {
  const url = await listen(() => undefined);
  await expect(make({ timeoutMs: 200 })(posted(url))).rejects.toThrow('no answer within 0.2 s');
});

test('an endpoint that answers a byte now and then has failed too', async () => {
  const url = await listen((_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  await expect(make({ timeoutMs: 300 })(posted(url))).rejects.toThrow('no answer within 0.3 s');
});

test('of a long answer only the beginning is read', async () => {
  let sent = 0;
  const url = await listen((_, response) => {
    const chunk = Buffer.alloc(16_384);
    const push = (): void => {
      while (!response.destroyed && sent < 1e9 && response.write(chunk)) sent += chunk.length;
    };
    response.on('drain', push);
    push();
  });
  const { status, text } = await make()(posted(url));
  expect([status, text.length]).toEqual([200, 65_536]);
  expect(sent).toBeLessThan(50_000_000);
});

test('a literal private address is refused without a connection', async () => {
  let asked = 0;
  const url = await listen((_, response) => {
    asked += 1;
    response.end();
  });
  const exchange = make({ allowPrivate: false });
  for (const target of [
    url,
    url.replace('127.0.0.1', 'localhost'),
    url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
  ]) {
    await expect(exchange(posted(target))).rejects.toThrow('private');
  }
  expect(asked).toBe(0);
});

test('a redirection is an answer, and nobody goes where it leads', async () => {
  let asked = 0;
  const inside = await listen((_, response) => {
    asked += 1;
    response.end('secret');
  });
  const url = await listen((_, response) => response.writeHead(307, { location: inside }).end());
  expect(await make()(posted(url))).toMatchObject({ status: 307, text: '' });
  expect(asked).toBe(0);
});
