// An endpoint as receivers write them: it checks the signature over the raw body before it reads it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATIENT } from './patient.ts';

export interface WireEvent {
  readonly timestamp: string;
  readonly version: number;
  readonly type: string;
  readonly tailnet: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Received {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** As it came. */
  readonly raw: Buffer;
  /** What it answered. */
  readonly status: number;
}

export interface Receiver {
  readonly url: string;
  readonly requests: Received[];
  /** Status by path; 200 where nothing stands. */
  readonly answers: Map<string, number>;
  /** What it says, by path. */
  readonly texts: Map<string, string>;
  /** Events that were answered 200, in order. */
  events(path?: string): WireEvent[];
  close(): Promise<void>;
}

/** `at`: where to listen; by default on a free port of this machine. */
export async function createReceiver(at = { host: '127.0.0.1', port: 0 }): Promise<Receiver> {
  const requests: Received[] = [];
  const answers = new Map<string, number>();
  const texts = new Map<string, string>();
  const server = http.createServer(PATIENT, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      const status = answers.get(path) ?? 200;
      const raw = Buffer.concat(chunks);
      requests.push({ path, headers: request.headers, body: raw.toString(), raw, status });
      if (status >= 300 && status < 400) response.setHeader('location', '/elsewhere');
      response.statusCode = status;
      response.end(texts.get(path) ?? 'thanks');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${at.host}:${port}`,
    requests,
    answers,
    texts,
    events: (path) =>
      requests
        .filter((one) => one.status === 200 && (path === undefined || one.path === path))
        .flatMap(({ body }) => JSON.parse(body) as WireEvent[]),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whether one of the signatures is that of the body, and its time within five minutes of `now`. */
export function isSigned({ headers, body }: Received, secret: string, now = Date.now()): boolean {
  const parts = String(headers['tailscale-webhook-signature'])
    .split(',')
    .map((part) => part.split('='));
  const time = parts.find(([name]) => name === 't')?.[1] ?? '';
  const expected = createHmac('sha256', secret).update(`${time}.${body}`).digest();
  const matches = parts.some(
    ([name, hex = '']) =>
      name === 'v1' && hex.length === 64 && timingSafeEqual(Buffer.from(hex, 'hex'), expected),
  );
  return matches && Math.abs(now / 1000 - Number(time)) < 300;
}
