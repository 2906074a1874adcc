// A relay client for tests: the protocol of a real one, in TypeScript. Numbers are those of the protocol, not of src/.
import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createBox } from '../../src/control/derp/box.ts';
import { generatePrivateKey, type NoisePrivateKey } from '../../src/control/noise/index.ts';

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
}

export interface RelayClientOptions {
  readonly port: number;
  readonly host?: string;
  /** With the server's certificate or its authority in PEM; without it the connection is plain. */
  readonly ca?: string;
  readonly servername?: string;
  readonly privateKey?: NoisePrivateKey;
  readonly fastStart?: boolean;
  /** Says that it holds this key, which it does not. */
  readonly claimedKey?: Uint8Array;
}

export interface TestRelayClient {
  readonly keyRaw: Uint8Array;
  readonly nodeKey: string;
  readonly socket: Duplex;
  /** The head of the answer to the upgrade; "" with a fast start. */
  readonly answer: string;
  readonly serverKey: Buffer;
  readonly serverInfo: unknown;
  /** Resolves with the first frame of the type that was not asked for yet; rejects when the connection ends or after 5 s. */
  next(type: number): Promise<Buffer>;
  /** Frames of the type that came and were not asked for. */
  waiting(type: number): number;
  send(to: Uint8Array, packet: Uint8Array): void;
  write(type: number, payload: Uint8Array): void;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<void>;
  close(): void;
}

const WAIT_MS = 15_000;

export function encodeFrame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

/** Connects, and resolves when the server has let the client in. */
export async function connectRelay(options: RelayClientOptions): Promise<TestRelayClient> {
  const { port, host = '127.0.0.1', ca, servername, fastStart = false } = options;
  const privateKey = options.privateKey ?? generatePrivateKey();
  const socket: Duplex =
    ca === undefined
      ? connectTcp({ port, host })
      : connectTls({ port, host, ca, ...(servername === undefined ? {} : { servername }) });
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => socket.destroy());
  const frames: Frame[] = [];
  let wake = (): void => undefined;
  let held = Buffer.alloc(0);
  let answer = '';
  let upgraded = fastStart;
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    if (!upgraded) {
      const end = held.indexOf('\r\n\r\n');
      if (end < 0) return;
      answer = held.subarray(0, end).toString('latin1');
      held = held.subarray(end + 4);
      upgraded = true;
    }
    while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
      const length = held.readUInt32BE(1);
      frames.push({ type: held[0] ?? 0, payload: Buffer.from(held.subarray(5, 5 + length)) });
      held = held.subarray(5 + length);
    }
    wake();
  });
  let over = false;
  void ended.then(() => {
    over = true;
    wake();
  });
  const next = async (type: number): Promise<Buffer> => {
    const deadline = performance.now() + WAIT_MS;
    while (true) {
      const index = frames.findIndex((frame) => frame.type === type);
      const found = frames[index];
      if (found !== undefined) {
        frames.splice(index, 1);
        return found.payload;
      }
      if (over) throw new Error(`the connection ended before a frame of type ${type}; ${answer}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no frame of type ${type}, but ${frames.map((frame) => frame.type)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const start = fastStart ? 'Derp-Fast-Start: 1\r\n' : '';
  socket.write(`GET /derp HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: DERP\r\n${start}\r\n`);
  const greeting = await next(0x01);
  const serverKey = greeting.subarray(8);
  const box = createBox(privateKey, serverKey, { bytes: (length) => randomBytes(length) });
  if (box === undefined) throw new Error('the server has a bad key');
  const info = box.seal(Buffer.from(JSON.stringify({ version: 2, CanAckPings: true })));
  const keyRaw = options.claimedKey ?? privateKey.publicRaw;
  socket.write(encodeFrame(0x02, Buffer.concat([keyRaw, info])));
  const opened = box.open(await next(0x03));
  if (opened === undefined) throw new Error('the server does not hold its key');
  return {
    keyRaw,
    nodeKey: `nodekey:${Buffer.from(keyRaw).toString('hex')}`,
    socket,
    answer,
    serverKey,
    serverInfo: JSON.parse(Buffer.from(opened).toString('utf8')),
    next,
    waiting: (type) => frames.filter((frame) => frame.type === type).length,
    send: (to, packet) => socket.write(encodeFrame(0x04, Buffer.concat([to, packet]))),
    write: (type, payload) => socket.write(encodeFrame(type, payload)),
    ended,
    close: () => socket.destroy(),
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
