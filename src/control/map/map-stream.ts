/** One device's open map stream, and what its client has been told on it. */
import type { Compression } from '../wire/index.ts';
import type { Backlog } from './backlog.ts';
import type { OwnView, ViewerClass } from './network-view.ts';

/** The sending side of a stream, as the transport gives it. */
export interface MessageSink {
  /** False when the client is slow: what comes next should wait, and be merged. */
  write(message: Uint8Array): boolean;
  end(): void;
}

export interface MapStream {
  readonly device: number;
  /** The server's address as this device reached it. */
  readonly localAddress: string;
  readonly compression: Compression;
  /** Every process of a client has another. '' where it did not say. */
  readonly discoKey: string;
  readonly sink: MessageSink;
  /** Until its first map is written a stream gets nothing else. */
  ready: boolean;
  /** The class whose messages it follows. */
  viewers: ViewerClass;
  /** The device's own node as last sent, without what the device itself reported. */
  ownText: string;
  own: OwnView | undefined;
  /** Its DNS settings as last sent. */
  dnsText: string;
  /** The map of relays that the client has. */
  relaysText: string;
  /** What changed while the client was slow; undefined while it keeps up. */
  backlog: Backlog | undefined;
  readonly openedAt: number;
  /** When a message was last written, for keep-alives. */
  lastWrite: number;
}
