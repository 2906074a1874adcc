/** The frames of the relay protocol (DERP version 2): `u8 type | u32be length | payload`. */

export const FRAME = {
  serverKey: 0x01,
  clientInfo: 0x02,
  serverInfo: 0x03,
  sendPacket: 0x04,
  recvPacket: 0x05,
  keepAlive: 0x06,
  notePreferred: 0x07,
  peerGone: 0x08,
  ping: 0x12,
  pong: 0x13,
  health: 0x14,
  restarting: 0x15,
} as const;

export const PEER_GONE = { disconnected: 0, notHere: 1 } as const;

export const DERP_VERSION = 2;
export const FRAME_HEADER_BYTES = 5;
export const KEY_BYTES = 32;
export const MAX_PACKET_BYTES = 64 * 1024;
export const PING_BYTES = 8;
/** Before the server's key in the first frame: "DERP" and a key sign in UTF-8. */
export const SERVER_MAGIC = Buffer.from('44455250f09f9491', 'hex');

/** The other side broke the protocol; its connection is of no further use. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

export function frame(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  bytes[0] = type;
  bytes.writeUInt32BE(length, 1);
  let at = FRAME_HEADER_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * What stands before a packet on its way to a client: frame header and the sender's key. The packet follows in a write of
 * its own, so that it is never copied.
 */
export function recvPacketHead(source: Uint8Array, packetBytes: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEADER_BYTES + KEY_BYTES);
  head[0] = FRAME.recvPacket;
  head.writeUInt32BE(KEY_BYTES + packetBytes, 1);
  head.set(source, FRAME_HEADER_BYTES);
  return head;
}

/** The notice that the server ends; the client may come back after `reconnectInMs` and should try for `tryForMs`. */
export function restartingFrame(reconnectInMs: number, tryForMs: number): Buffer {
  const times = Buffer.alloc(8);
  times.writeUInt32BE(reconnectInMs, 0);
  times.writeUInt32BE(tryForMs, 4);
  return frame(FRAME.restarting, times);
}
