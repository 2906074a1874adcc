/** What waits for a slow client: the newest packets, few of them. WireGuard repeats what matters. */

const MAX_QUEUED_PACKETS = 32;

/** "TS" and a speech bubble in UTF-8: how the packets begin by which clients look for direct paths. */
const DISCO_MAGIC = Buffer.from('5453f09f92ac', 'hex');

interface QueuedPacket {
  readonly source: Uint8Array;
  readonly packet: Buffer;
}

export interface PacketQueue {
  /** Whether an older packet was dropped for this one. */
  push(source: Uint8Array, packet: Buffer): boolean;
  shift(): QueuedPacket | undefined;
  readonly size: number;
}

/**
 * Two rings of `capacity`, each dropping its oldest: data cannot push out the few packets that find a direct path, which
 * would end the congestion, and those cannot push out data.
 */
export function createPacketQueue(capacity = MAX_QUEUED_PACKETS): PacketQueue {
  const disco: QueuedPacket[] = [];
  const data: QueuedPacket[] = [];
  return {
    push: (source, packet) => {
      const lane = isDisco(packet) ? disco : data;
      // A copy: what arrived is a piece of a large buffer, which one small packet would keep in memory.
      lane.push({ source, packet: Buffer.from(packet) });
      if (lane.length <= capacity) return false;
      lane.shift();
      return true;
    },
    shift: () => disco.shift() ?? data.shift(),
    get size() {
      return disco.length + data.length;
    },
  };
}

export const isDisco = (packet: Buffer): boolean =>
  packet.length > DISCO_MAGIC.length &&
  packet.compare(DISCO_MAGIC, 0, DISCO_MAGIC.length, 0, DISCO_MAGIC.length) === 0;
