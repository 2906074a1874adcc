import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  initiate,
  type NoisePrivateKey,
  NoiseStream,
  parseKey,
  RESPONSE_BYTES,
} from '../../src/control/noise/index.ts';

const HEADER_END = '\r\n\r\n';
const ERROR_FRAME = 3;
const EARLY_MAGIC = Buffer.from([0xff, 0xff, 0xff, 0x54, 0x53]);
const EARLY_HEADER_BYTES = EARLY_MAGIC.length + 4;

export interface ControlConnection {
  readonly socket: Socket;
  readonly http2: ClientHttp2Session;
  /** What HTTP/2 runs on, for tests that misbehave on it. */
  readonly plain: NoiseStream;
  /** The JSON a server sent before HTTP/2, if it did. */
  readonly early: unknown;
  /** Cuts the connection without a goodbye, as a lost network does. */
  cut(): void;
}

export interface DialOptions {
  /** The server's base URL, http or https. */
  readonly url: string;
  readonly machineKey: NoisePrivateKey;
  /** As `GET /key` gave it. */
  readonly serverKey: string;
  readonly capver: number;
  /** Accept any certificate; Noise authenticates the server anyway. */
  readonly timeoutMs?: number;
}

/** The server's Noise key, fetched the way a starting client does. */
export async function fetchServerKey(url: string, capver: number): Promise<string> {
  const response = await fetch(new URL(`/key?v=${capver}`, url));
  if (response.status !== 200) throw new Error(`/key: HTTP ${response.status} ${await response.text()}`);
  const keys = (await response.json()) as { publicKey?: string };
  if (parseKey('machine', keys.publicKey) === undefined) throw new Error('/key: no noise key');
  return keys.publicKey as string;
}

/** TCP, upgrade, Noise, HTTP/2: as a client does it. Rejects with the server's words where it refuses. */
export async function dialControl(options: DialOptions): Promise<ControlConnection> {
  const url = new URL(options.url);
  const serverRaw = parseKey('machine', options.serverKey);
  if (serverRaw === undefined) throw new Error(`not a server key: ${options.serverKey}`);
  const socket = await openSocket(url);
  const timer = setTimeout(
    () => socket.destroy(new Error('the control connection took too long')),
    options.timeoutMs ?? 20_000,
  );
  try {
    const handshake = initiate(options.machineKey, serverRaw, options.capver);
    socket.write(upgradeRequest(url.host, handshake.initiation));
    const reader = createReader(socket);
    const head = (await reader.until(HEADER_END)).toString('latin1');
    await checkUpgraded(head, reader);
    const frame = await readHandshakeFrame(reader);
    const session = handshake.finish(frame);
    const stream = new NoiseStream(socket, session);
    stream.receive(reader.release());
    stream.on('error', () => {});
    const early = await readEarly(stream);
    // The scheme inside Noise is https, over plain HTTP too.
    const http2 = connectHttp2(`https://${url.hostname}`, { createConnection: () => stream });
    http2.on('error', () => {});
    return { socket, http2, plain: stream, early, cut: () => socket.destroy() };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export function upgradeRequest(host: string, initiation: Uint8Array): string {
  return [
    'POST /ts2021 HTTP/1.1',
    `Host: ${host}`,
    'User-Agent: Go-http-client/1.1',
    'Content-Length: 0',
    'Connection: upgrade',
    'Upgrade: tailscale-control-protocol',
    `X-Tailscale-Handshake: ${Buffer.from(initiation).toString('base64')}`,
    HEADER_END.slice(2),
  ].join('\r\n');
}

function openSocket(url: URL): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return new Promise((resolve, reject) => {
    const socket =
      url.protocol === 'https:'
        ? connectTls({ host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
        : connectTcp({ host, port });
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function checkUpgraded(head: string, reader: SocketReader): Promise<void> {
  const status = Number(head.split(' ')[1]);
  if (status === 101) {
    if (!/\r\nupgrade: tailscale-control-protocol\r\n/i.test(head))
      throw new Error(`upgraded to what? ${head}`);
    return;
  }
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = (await reader.exactly(length)).toString('utf8').trim();
  throw new Error(`upgrade: HTTP ${status} ${body}`);
}

async function readHandshakeFrame(reader: SocketReader): Promise<Buffer> {
  const header = await reader.exactly(3);
  const length = header[0] === ERROR_FRAME ? header.readUInt16BE(1) : RESPONSE_BYTES - 3;
  return Buffer.concat([header, await reader.exactly(length)]);
}

/** Takes the early payload off the stream; bytes that are not one are given back. */
async function readEarly(stream: NoiseStream): Promise<unknown> {
  const start = await readExactly(stream, EARLY_HEADER_BYTES);
  if (!start.subarray(0, EARLY_MAGIC.length).equals(EARLY_MAGIC)) {
    stream.unshift(start);
    return undefined;
  }
  const json = await readExactly(stream, start.readUInt32BE(EARLY_MAGIC.length));
  return JSON.parse(json.toString('utf8')) as unknown;
}

function readExactly(stream: NoiseStream, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    function attempt(): void {
      const chunk = stream.read(length) as Buffer | null;
      if (chunk === null || chunk.length < length) return;
      settle();
      resolve(chunk);
    }
    function fail(): void {
      settle();
      reject(new Error('the connection ended before HTTP/2 began'));
    }
    function settle(): void {
      stream.off('readable', attempt).off('close', fail).off('end', fail);
    }
    stream.on('readable', attempt).on('close', fail).on('end', fail);
    attempt();
  });
}

interface SocketReader {
  until(mark: string): Promise<Buffer>;
  exactly(length: number): Promise<Buffer>;
  /** Stops reading and hands out what nobody has taken yet. */
  release(): Buffer;
}

function createReader(socket: Socket): SocketReader {
  let held = Buffer.alloc(0);
  let wake: (() => void) | undefined;
  let ended: Error | undefined;
  function onData(chunk: Buffer): void {
    held = Buffer.concat([held, chunk]);
    wake?.();
  }
  function onError(error: Error): void {
    ended = error;
    wake?.();
  }
  function onClose(): void {
    ended ??= new Error('the connection ended during the handshake');
    wake?.();
  }
  socket.on('data', onData).on('error', onError).on('close', onClose);

  async function take(measure: () => number): Promise<Buffer> {
    for (;;) {
      const length = measure();
      if (length >= 0 && held.length >= length) {
        const taken = held.subarray(0, length);
        held = held.subarray(length);
        return taken;
      }
      if (ended !== undefined) throw ended;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    until(mark) {
      return take(() => {
        const at = held.indexOf(mark);
        return at < 0 ? -1 : at + mark.length;
      });
    },
    exactly: (length) => take(() => length),
    release() {
      socket.off('data', onData).off('error', onError).off('close', onClose);
      return held;
    },
  };
}
