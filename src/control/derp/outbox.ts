/** The way to one client. Never waits: what the client is too slow for is queued, and beyond that dropped. */
import type { Duplex } from 'node:stream';
import { recvPacketHead } from './frames.ts';
import { createPacketQueue, type PacketQueue } from './packet-queue.ts';

/** What may lie in the socket's memory; a piece read from one sender is 64 KiB at most. */
const MAX_UNSENT_BYTES = 256 * 1024;

export interface Outbox {
  /** Whether a packet, this one or an older, was dropped. */
  packet(source: Uint8Array, packet: Buffer): boolean;
  control(bytes: Buffer): void;
  /** For answers that a client could ask for without end: left out while it does not read. */
  reply(bytes: Buffer): void;
  /** Milliseconds by `now` since when the client reads nothing; undefined when it does. */
  readonly stuckSince: number | undefined;
  readonly lastWrite: number;
}

export function createOutbox(socket: Duplex, now: () => number): Outbox {
  // Made when first needed: most clients never are too slow.
  let queue: PacketQueue | undefined;
  let corked = false;
  let stuckSince: number | undefined;
  let lastWrite = now();

  const uncork = (): void => {
    corked = false;
    socket.uncork();
  };
  /** All that one piece of input brings for this client leaves as one write. */
  const cork = (): void => {
    if (corked) return;
    corked = true;
    lastWrite = now();
    socket.cork();
    process.nextTick(uncork);
  };
  const write = (source: Uint8Array, packet: Buffer): void => {
    cork();
    socket.write(recvPacketHead(source, packet.length));
    socket.write(packet);
  };
  const isFull = (): boolean => socket.writableLength >= MAX_UNSENT_BYTES;

  socket.on('drain', () => {
    stuckSince = undefined;
    while (queue !== undefined && queue.size > 0 && !isFull()) {
      const next = queue.shift();
      if (next !== undefined) write(next.source, next.packet);
    }
    if (queue !== undefined && queue.size > 0) stuckSince = now();
  });

  return {
    packet: (source, packet) => {
      if (stuckSince === undefined && !isFull()) {
        write(source, packet);
        return false;
      }
      stuckSince ??= now();
      queue ??= createPacketQueue();
      return queue.push(source, packet);
    },
    control: (bytes) => {
      cork();
      socket.write(bytes);
    },
    reply: (bytes) => {
      if (isFull()) {
        stuckSince ??= now();
        return;
      }
      cork();
      socket.write(bytes);
    },
    get stuckSince() {
      return stuckSince;
    },
    get lastWrite() {
      return lastWrite;
    },
  };
}
