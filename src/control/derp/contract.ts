import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

export interface RelayLimits {
  /** Connections open at once, those in their handshake included. */
  readonly maxConnections: number;
  /** Milliseconds from the upgrade to the server's answer to the client's key. */
  readonly handshakeMs: number;
  /** Milliseconds after which a client hears something; they give up on a relay after 120 s of silence. */
  readonly keepAliveMs: number;
  /** Milliseconds that a client may read nothing while something waits for it. */
  readonly stuckMs: number;
  /** Milliseconds between looks at all clients. */
  readonly sweepMs: number;
}

export interface RelayLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface RelayStats {
  readonly connections: number;
  /** Different keys among the clients past their handshake. */
  readonly clients: number;
  readonly relayedPackets: number;
  readonly relayedBytes: number;
  /** Because the receiver was too slow. */
  readonly droppedPackets: number;
  /** For keys that are not connected here. */
  readonly unknownPackets: number;
  /** Handshakes that failed or were refused. */
  readonly refused: number;
}

export interface RelayServer {
  /** For node:http's 'upgrade' event on `/derp`. Always takes the socket over, whatever the request holds. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Speaks the protocol over a stream that is open both ways. */
  accept(socket: Duplex, head: Buffer): void;
  stats(): RelayStats;
  /** Tells clients that the server goes and ends their connections. */
  close(): void;
}
