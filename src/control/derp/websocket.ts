/**
 * A WebSocket (RFC 6455) as a stream of bytes, for clients in browsers: binary messages one after the other, no extensions.
 */
import { Duplex } from 'node:stream';
import { FrameError } from './frames.ts';

const OPCODE = { continuation: 0x0, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;
const FIN = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;
const MAX_CONTROL_BYTES = 125;
const MAX_DATA_BYTES = 1024 * 1024;
/** Lengths from here on stand in two more bytes, then in eight. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

interface Header {
  readonly opcode: number;
  readonly size: number;
  readonly length: number;
}

export function createWebSocketStream(socket: Duplex, head: Buffer): Duplex {
  let held: Buffer = Buffer.alloc(0);

  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk: Buffer, _encoding, done) => send(OPCODE.binary, chunk, done),
    writev: (chunks, done) =>
      send(OPCODE.binary, Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => {
      socket.end(webSocketFrame(OPCODE.close, Buffer.alloc(0)));
      done();
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });

  const send = (opcode: number, data: Buffer, done: (error?: Error | null) => void): void => {
    socket.write(webSocketFrame(opcode, data), done);
  };

  const take = ({ opcode }: Header, data: Buffer): void => {
    if (opcode === OPCODE.binary || opcode === OPCODE.continuation) {
      if (!stream.push(data)) socket.pause();
    } else if (opcode === OPCODE.ping) socket.write(webSocketFrame(OPCODE.pong, data));
    else if (opcode === OPCODE.close) stream.push(null);
    else if (opcode !== OPCODE.pong) throw new FrameError(`a WebSocket frame of kind ${opcode}`);
  };

  const receive = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    try {
      while (true) {
        const header = headerOf(held);
        if (header === undefined || held.length < header.size + header.length) return;
        const mask = held.subarray(header.size - MASK_BYTES, header.size);
        const data = unmasked(held.subarray(header.size, header.size + header.length), mask);
        held = held.subarray(header.size + header.length);
        take(header, data);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      stream.destroy(error);
    }
  };

  socket.on('data', receive);
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  socket.on('close', () => stream.destroy());
  if (head.length > 0) receive(head);
  return stream;
}

/** Undefined while there are too few bytes; throws `FrameError` for what no client may send. */
function headerOf(bytes: Buffer): Header | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  const opcode = first & 0x0f;
  const short = second & 0x7f;
  if ((first & 0x70) !== 0) throw new FrameError('a WebSocket frame of an extension');
  if ((second & MASKED) === 0) throw new FrameError('a WebSocket frame without mask');
  const extra = short === LENGTH_16 ? 2 : short === LENGTH_64 ? 8 : 0;
  if (opcode >= OPCODE.close && (short > MAX_CONTROL_BYTES || (first & FIN) === 0)) {
    throw new FrameError('a WebSocket control frame in pieces');
  }
  const size = 2 + extra + MASK_BYTES;
  if (bytes.length < size) return undefined;
  const length = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (length > MAX_DATA_BYTES) throw new FrameError(`a WebSocket frame of ${length} bytes`);
  return { opcode, size, length };
}

function unmasked(data: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(data.length);
  for (let at = 0; at < data.length; at += 1) plain[at] = (data[at] ?? 0) ^ (mask[at % MASK_BYTES] ?? 0);
  return plain;
}

function webSocketFrame(opcode: number, data: Buffer): Buffer {
  const extra = data.length < LENGTH_16 ? 0 : data.length <= 0xffff ? 2 : 8;
  const header = Buffer.alloc(2 + extra);
  header[0] = FIN | opcode;
  if (extra === 0) header[1] = data.length;
  else if (extra === 2) {
    header[1] = LENGTH_16;
    header.writeUInt16BE(data.length, 2);
  } else {
    header[1] = LENGTH_64;
    header.writeBigUInt64BE(BigInt(data.length), 2);
  }
  return Buffer.concat([header, data]);
}
