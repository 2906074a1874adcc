/** As much of RFC 6455 as it takes to send a few short texts and to hear that the other side is gone. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** RFC 6455 §1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = /^[A-Za-z0-9+/]{22}==$/u;
const TEXT = 0x81;
const CLOSE = 0x88;
const CLOSE_OPCODE = 0x8;
const NORMAL = 1000;
const SHORT = 125;
const MAX_TEXT = 65_535;
/** Nobody has anything to tell us. */
const MAX_HEARD = 4_096;

export interface WebSocketSide {
  send(text: string): void;
  /** Says a normal close, and ends. */
  close(): void;
  /** Resolves when the connection is over. */
  readonly ended: Promise<void>;
}

function frame(first: number, payload: Buffer): Buffer {
  if (payload.length > MAX_TEXT) throw new Error('too long for one frame');
  const head =
    payload.length <= SHORT
      ? Buffer.from([first, payload.length])
      : Buffer.from([first, SHORT + 1, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, payload]);
}

/** Undefined for what is no request of the protocol; it is answered. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex): WebSocketSide | undefined {
  socket.on('error', () => socket.destroy());
  const key = request.headers['sec-websocket-key'] ?? '';
  if (!KEY.test(key) || request.headers['sec-websocket-version'] !== '13') {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return undefined;
  }
  const accept = createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const ended = new Promise<void>((resolve) => socket.once('close', resolve));
  let heard = 0;
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.length;
    // The first byte of a frame names what it is; whatever else is said is not looked at.
    const isClose = ((chunk[0] ?? 0) & 0x0f) === CLOSE_OPCODE;
    if (isClose || heard > MAX_HEARD) socket.end();
  });
  socket.once('end', () => socket.end());
  return {
    send: (text) => {
      if (socket.writable) socket.write(frame(TEXT, Buffer.from(text)));
    },
    close: () => {
      const code = Buffer.alloc(2);
      code.writeUInt16BE(NORMAL);
      if (socket.writable) socket.end(frame(CLOSE, code));
    },
    ended,
  };
}
