import type { IncomingMessage } from 'node:http';
import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { formatKey, NoiseError, NoiseStream, respond } from '../noise/index.ts';
import type {
  ConnectionContext,
  ControlTransport,
  ControlTransportLimits,
  ControlTransportLog,
  ControlTransportOptions,
} from './contract.ts';
import { earlyPayload, FIRST_EARLY_CAPVER } from './early-payload.ts';
import { keyResponse } from './key-response.ts';
import { originOf } from './origin.ts';
import { initiationOf, type Refusal, refuse, SWITCHING_PROTOCOLS } from './upgrade.ts';

const DEFAULT_LIMITS: ControlTransportLimits = {
  maxConnections: 20_000,
  firstRequestMs: 10_000,
  idleMs: 10 * 60_000,
  maxConcurrentStreams: 64,
};

/** Deadlines are looked after by one timer for all connections, at least this often. */
const MAX_SWEEP_MS = 1000;
/** What a drained connection's open requests get to finish. */
const DRAIN_GRACE_MS = 1000;
/** Finds peers that vanished without a word, the usual end of a laptop's connection. */
const TCP_KEEPALIVE_MS = 30_000;

const SILENT: ControlTransportLog = { debug() {}, warn() {} };

interface Connection {
  readonly context: ConnectionContext;
  readonly stream: NoiseStream;
  readonly session: ServerHttp2Session;
  readonly openedAt: number;
  requests: number;
  openRequests: number;
  idleSince: number;
}

/** Makes the server side of /ts2021. It listens to nothing itself: the caller hands it upgrades. */
export function createControlTransport(options: ControlTransportOptions): ControlTransport {
  const { machineKey, onRequest, log = SILENT } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const remoteAddressOf = options.remoteAddressOf ?? ((request) => request.socket.remoteAddress ?? '');
  const connections = new Set<Connection>();
  const refused: Partial<Record<Refusal, number>> = {};
  const http2Options = {
    // A first map of a large network waits in the session's memory while the client reads it.
    maxSessionMemory: 64,
    maxHeaderListPairs: 64,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: 16 * 1024,
    },
  };
  let accepted = 0;
  let broken = 0;
  let draining = false;
  let sweeper: NodeJS.Timeout | undefined;
  let onEmpty: (() => void) | undefined;

  function handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (draining || connections.size >= limits.maxConnections) {
      turnAway(socket, 'too many connections');
      return;
    }
    const initiation = initiationOf(request);
    if (typeof initiation === 'string') {
      turnAway(socket, initiation);
      return;
    }
    let handshake: ReturnType<typeof respond>;
    try {
      handshake = respond(machineKey, initiation);
    } catch (error) {
      if (!(error instanceof NoiseError)) throw error;
      turnAway(socket, 'tailscale handshake failed');
      return;
    }
    accepted += 1;
    const context: ConnectionContext = Object.freeze({
      machineKey: formatKey('machine', handshake.peerRaw),
      capver: handshake.version,
      remoteAddress: remoteAddressOf(request),
      localAddress: request.socket.localAddress ?? '',
      origin: originOf(request),
      connectionId: accepted,
    });
    tuneSocket(request.socket);
    // The 101, the response, the early payload and HTTP/2's settings leave in one segment: a round trip less.
    socket.cork();
    socket.write(Buffer.concat([SWITCHING_PROTOCOLS, handshake.response]));
    const stream = new NoiseStream(socket, handshake.session);
    if (handshake.version >= FIRST_EARLY_CAPVER) stream.sendFirst(earlyPayload());
    open(context, stream);
    setImmediate(() => socket.uncork());
    if (head.length > 0) stream.receive(head);
  }

  function turnAway(socket: Duplex, refusal: Refusal): void {
    refused[refusal] = (refused[refusal] ?? 0) + 1;
    refuse(socket, refusal);
  }

  function open(context: ConnectionContext, stream: NoiseStream): void {
    const session = performServerHandshake(stream, http2Options);
    const now = performance.now();
    const connection: Connection = {
      context,
      stream,
      session,
      openedAt: now,
      requests: 0,
      openRequests: 0,
      idleSince: now,
    };
    connections.add(connection);
    sweeper ??= setInterval(sweep, Math.min(MAX_SWEEP_MS, limits.firstRequestMs / 2)).unref();
    stream.on('error', (error) => {
      if (error instanceof NoiseError) {
        broken += 1;
        log.debug({ connectionId: context.connectionId, code: error.code }, 'a control connection broke');
      }
    });
    stream.once('close', () => forget(connection));
    session.on('error', () => stream.destroy());
    session.on('close', () => stream.destroy());
    session.on('stream', (request, headers) => begin(connection, request, headers));
  }

  function begin(connection: Connection, request: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    connection.requests += 1;
    connection.openRequests += 1;
    request.once('close', () => {
      connection.openRequests -= 1;
      if (connection.openRequests === 0) connection.idleSince = performance.now();
    });
    request.on('error', (error) => {
      log.debug(
        { connectionId: connection.context.connectionId, error: error.message },
        'a request broke off',
      );
    });
    answer(connection.context, request, headers).catch((error: unknown) => {
      log.warn({ path: headers[':path'], err: error }, 'a control request failed');
      if (request.destroyed || request.closed) return;
      if (request.headersSent) {
        // Not close(): that ends the answer properly first, and half of one would look whole.
        request.destroy(new Error('the handler failed'));
      } else {
        request.respond({ ':status': 500 }, { endStream: true });
      }
    });
  }

  async function answer(
    context: ConnectionContext,
    request: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ): Promise<void> {
    await onRequest(context, request, headers);
  }

  function forget(connection: Connection): void {
    connections.delete(connection);
    if (connections.size > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
    onEmpty?.();
  }

  function sweep(): void {
    const now = performance.now();
    for (const connection of connections) {
      if (connection.requests === 0 && now - connection.openedAt > limits.firstRequestMs) {
        connection.stream.destroy();
      } else if (connection.openRequests === 0 && now - connection.idleSince > limits.idleMs) {
        connection.session.close();
      }
    }
  }

  async function drain(spreadMs: number): Promise<void> {
    draining = true;
    if (connections.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      onEmpty = resolve;
    });
    const pause = spreadMs / connections.size;
    let turn = 0;
    for (const connection of connections) {
      setTimeout(() => dismiss(connection), turn * pause);
      turn += 1;
    }
    await gone;
  }

  return {
    handleUpgrade,
    keyResponse: (capver) => keyResponse(machineKey.publicText, capver),
    stats: () => ({ connections: connections.size, accepted, refused: { ...refused }, broken }),
    drain,
    close() {
      draining = true;
      for (const connection of connections) connection.stream.destroy();
    },
  };
}

/** Tells the client that no further request is welcome, then cuts. */
function dismiss(connection: Connection): void {
  if (connection.stream.destroyed) return;
  connection.session.close();
  setTimeout(() => connection.stream.destroy(), DRAIN_GRACE_MS);
}

function tuneSocket(socket: IncomingMessage['socket']): void {
  socket.setTimeout(0);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
}
