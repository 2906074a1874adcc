/** One client of the relay, known by its key, from the end of its handshake. */
import type { Duplex } from 'node:stream';
import type { NodeKey } from '../noise/index.ts';
import { FRAME, frame, PEER_GONE } from './frames.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createRateLimit, type RateLimit } from './rate.ts';

const NOT_HERE_PER_SECOND = 1;
const NOT_HERE_BURST = 3;
const KEEP_ALIVE = frame(FRAME.keepAlive);

export interface RelayClientParts {
  readonly socket: Duplex;
  readonly keyRaw: Buffer;
  readonly nodeKey: NodeKey;
  readonly now: () => number;
}

export class RelayClient {
  readonly socket: Duplex;
  readonly keyRaw: Buffer;
  /** The raw key as latin1 text: the quickest thing to look up by. */
  readonly key: string;
  readonly nodeKey: NodeKey;
  readonly outbox: Outbox;
  /** Connections that it sent packets to or had packets from. */
  readonly exchanged = new Set<RelayClient>();
  /** The last one of them, spared the look into the set. */
  lastExchanged: RelayClient | undefined;
  readonly #now: () => number;
  #notHere: RateLimit | undefined;

  constructor({ socket, keyRaw, nodeKey, now }: RelayClientParts) {
    this.socket = socket;
    this.keyRaw = keyRaw;
    this.key = keyRaw.toString('latin1');
    this.nodeKey = nodeKey;
    this.outbox = createOutbox(socket, now);
    this.#now = now;
  }

  sendKeepAlive(): void {
    this.outbox.control(KEEP_ALIVE);
  }

  sendPong(data: Buffer): void {
    this.outbox.reply(frame(FRAME.pong, data));
  }

  /** "" takes back what was said before. */
  sendHealth(text: string): void {
    this.outbox.control(frame(FRAME.health, Buffer.from(text)));
  }

  sendPeerGone(peerRaw: Uint8Array, reason: keyof typeof PEER_GONE): void {
    if (reason === 'notHere') {
      this.#notHere ??= createRateLimit(NOT_HERE_PER_SECOND, NOT_HERE_BURST);
      if (!this.#notHere.take(this.#now())) return;
    }
    this.outbox.control(frame(FRAME.peerGone, peerRaw, Uint8Array.of(PEER_GONE[reason])));
  }

  /** Lets go of a connection that is gone. */
  forget(other: RelayClient): void {
    this.exchanged.delete(other);
    if (this.lastExchanged === other) this.lastExchanged = undefined;
  }

  /** Takes a packet from `from`. Whether one was dropped for it. */
  deliver(from: RelayClient, packet: Buffer): boolean {
    if (from.lastExchanged !== this) {
      from.lastExchanged = this;
      from.exchanged.add(this);
      this.exchanged.add(from);
    }
    return this.outbox.packet(from.keyRaw, packet);
  }
}
