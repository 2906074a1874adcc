/** The sockets of the DNS responder: UDP and TCP on one port. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Clock } from '../../kernel/clock.ts';
import { SECOND } from '../../kernel/clock.ts';
import { createRateLimit } from '../derp/rate.ts';
import { createConnectionPlaces } from './connection-places.ts';
import { createSourceLimits } from './limits.ts';
import { askByTcp, HEADER_BYTES, respond } from './message.ts';
import type { Zone } from './zone.ts';

/** Within which a connection brings its next question whole: bytes that come one by one win it no time. */
const QUESTION_MS = 5 * SECOND;
/** Datagrams beyond the limits that are told to come by TCP. */
const HINTS_PER_SECOND = 500;
/** Answers that may lie unread. */
const MAX_UNREAD_BYTES = 65_536;
/** Questions that are about to be answered at a time; more are lost, as datagrams may be. */
const MAX_AT_WORK = 256;
/** A question is a name, a type and options. */
const MAX_QUESTION = 1_024;
const LENGTH_BYTES = 2;

export interface AcmeDnsServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface AcmeDnsServerParts {
  readonly zone: Zone;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** Milliseconds that a connection has for each question. */
  readonly questionMs?: number;
}

interface Where {
  readonly host: string;
  readonly port: number;
}

/** Rejects with the system's error when the port is not to be had. */
export async function startAcmeDns(where: Where, parts: AcmeDnsServerParts): Promise<AcmeDnsServer> {
  const { zone, clock, onError, questionMs = QUESTION_MS } = parts;
  const limits = { udp: createSourceLimits(), tcp: createSourceLimits() };
  const hints = createRateLimit(HINTS_PER_SECOND, HINTS_PER_SECOND);
  let atWork = 0;

  const answer = async (
    message: Buffer,
    from: string,
    transport: 'udp' | 'tcp',
  ): Promise<Buffer | undefined> => {
    if (atWork >= MAX_AT_WORK) return undefined;
    const now = clock.now();
    if (!limits[transport].take(from, now)) {
      // Who sent a datagram is not proven: else whoever asks in an authority's name would keep it from its answers.
      return transport === 'udp' && hints.take(now) ? askByTcp(message) : undefined;
    }
    atWork += 1;
    try {
      return await respond(zone, message, transport);
    } catch (error) {
      onError(error);
      return undefined;
    } finally {
      atWork -= 1;
    }
  };

  const places = createConnectionPlaces();
  const tcp = createServer((socket) => {
    places.take(socket, socket.remoteAddress ?? '');
    serveConnection(socket, questionMs, answer);
  });
  // The port that one of the two was given is asked for by the other.
  const port = await listenTcp(tcp, where);
  const udp = createSocket({ type: isIPv6(where.host) ? 'udp6' : 'udp4' });
  const onDatagram = async (message: Buffer, { address, port: to }: RemoteInfo): Promise<void> => {
    const made = message.length > MAX_QUESTION ? undefined : await answer(message, address, 'udp');
    // An address that cannot be answered is its sender's affair.
    if (made !== undefined && to > 0) udp.send(made, to, address, () => undefined);
  };
  udp.on('message', (message, from) => void onDatagram(message, from).catch(onError));
  const closeTcp = (): Promise<void> =>
    new Promise((resolve) => {
      tcp.close(() => resolve());
      places.close();
    });
  try {
    await bind(udp, { ...where, port });
  } catch (error) {
    await closeTcp();
    throw error;
  }
  udp.on('error', onError);
  tcp.on('error', onError);
  return {
    port,
    close: async () => {
      await Promise.all([new Promise<void>((resolve) => udp.close(() => resolve())), closeTcp()]);
    },
  };
}

function listenTcp(server: Server, { host, port }: Where): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function bind(socket: UdpSocket, { host, port }: Where): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    socket.bind({ port, address: host }, () => {
      socket.off('error', failed);
      resolve();
    });
  });
}

/** Messages come with their length before them (RFC 7766); each is answered before the next is read. */
function serveConnection(
  socket: Socket,
  questionMs: number,
  answer: (message: Buffer, from: string, transport: 'tcp') => Promise<Buffer | undefined>,
): void {
  const from = socket.remoteAddress ?? '';
  let pending: Buffer = Buffer.alloc(0);
  let busy = false;
  const deadline = setTimeout(() => socket.destroy(), questionMs);
  socket.on('close', () => clearTimeout(deadline));
  socket.on('error', () => socket.destroy());

  const next = (): Buffer | 'wait' | 'refuse' => {
    if (pending.length < LENGTH_BYTES) return 'wait';
    const length = pending.readUInt16BE(0);
    if (length < HEADER_BYTES || length > MAX_QUESTION) return 'refuse';
    if (pending.length < LENGTH_BYTES + length) return 'wait';
    const message = pending.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
    pending = pending.subarray(LENGTH_BYTES + length);
    return message;
  };
  const work = async (): Promise<void> => {
    for (let message = next(); message !== 'wait' && !socket.destroyed; message = next()) {
      const made = message === 'refuse' ? undefined : await answer(message, from, 'tcp');
      if (made === undefined || socket.writableLength > MAX_UNREAD_BYTES) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(made.length);
      socket.write(Buffer.concat([length, made]));
      deadline.refresh();
    }
  };
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (busy) return;
    busy = true;
    socket.pause();
    void work().finally(() => {
      busy = false;
      socket.resume();
    });
  });
}
