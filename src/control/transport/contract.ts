import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { MachineKey, NoisePrivateKey } from '../noise/index.ts';

/** What is known of the connection a request came over. One frozen object a connection. */
export interface ConnectionContext {
  /** Proven by the handshake. Every node a request names must belong to this machine. */
  readonly machineKey: MachineKey;
  /** As the handshake said; requests repeat it in their `Version`. */
  readonly capver: number;
  readonly remoteAddress: string;
  /** Of this server, as the client reached it, or as the last proxy did. */
  readonly localAddress: string;
  /** Of this server, as the client called it: `http://host:port`. */
  readonly origin: string;
  /** Counts up from 1 in each process. */
  readonly connectionId: number;
}

/**
 * Answers one request. Route on the path of `headers[':path']` alone: clients put anything into `:authority`. A rejection
 * or throw is logged and becomes a bare 500 where nothing was sent yet, else the stream is reset.
 */
export type ControlRequestHandler = (
  context: ConnectionContext,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
) => void | Promise<void>;

export interface ControlTransportLimits {
  /** Noise connections open at once; further upgrades get 503. */
  readonly maxConnections: number;
  /** Milliseconds from the upgrade to the first request. */
  readonly firstRequestMs: number;
  /** Milliseconds a connection without any open request is kept. */
  readonly idleMs: number;
  /** Requests open at once on a connection. */
  readonly maxConcurrentStreams: number;
}

export interface ControlTransportLog {
  /** What a bad or vanished client caused. */
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  /** A request whose handler failed. */
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface ControlTransportOptions {
  /** The server's Noise key; must survive restarts. */
  readonly machineKey: NoisePrivateKey;
  readonly onRequest: ControlRequestHandler;
  readonly limits?: Partial<ControlTransportLimits>;
  readonly log?: ControlTransportLog;
  /** The client's address where a trusted proxy stands in front; default is the socket's. */
  readonly remoteAddressOf?: (request: IncomingMessage) => string;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ControlTransportStats {
  readonly connections: number;
  readonly accepted: number;
  /** Upgrades answered with an error, by its text. */
  readonly refused: Readonly<Record<string, number>>;
  /** Connections that ended by a broken, tampered or oversize frame. */
  readonly broken: number;
}

export interface ControlTransport {
  /** For node:http's 'upgrade' event on `/ts2021`. Always takes the socket over, whatever the request holds. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** For `GET /key`: pass the query's `v` as it came. */
  keyResponse(capver: string | null | undefined): PlainAnswer;
  stats(): ControlTransportStats;
  /**
   * Refuses new connections and ends the present ones spread evenly over `spreadMs`, so that their clients do not all
   * return in one instant. Resolves when the last is gone.
   */
  drain(spreadMs: number): Promise<void>;
  /** Cuts every connection now. */
  close(): void;
}
