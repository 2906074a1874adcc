import { constants, type ServerHttp2Stream } from 'node:http2';

export type BodyErrorCode = 'too-large' | 'timeout' | 'busy' | 'aborted';

const STATUS: Record<BodyErrorCode, number> = { 'too-large': 413, timeout: 408, busy: 503, aborted: 400 };

/** A request's body that was not read. `status` is the HTTP status to answer with; the message is fit for clients. */
export class BodyError extends Error {
  readonly code: BodyErrorCode;
  readonly status: number;

  constructor(code: BodyErrorCode, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
    this.status = STATUS[code];
  }
}

export interface BodyLimits {
  /** Bytes of one body. */
  readonly maxBytes: number;
  /** Bytes of all bodies being read, since anyone can open a Noise session and begin requests on it. */
  readonly maxTotalBytes: number;
  readonly timeoutMs: number;
}

/** Reads a request's body whole, whatever its method: some requests are GET with a body. Rejects with BodyError. */
export type BodyReader = (stream: ServerHttp2Stream) => Promise<Buffer>;

const DEFAULTS: BodyLimits = {
  maxBytes: 1024 * 1024,
  maxTotalBytes: 256 * 1024 * 1024,
  timeoutMs: 30_000,
};

const EMPTY = Buffer.alloc(0);

/** One reader serves every request of a process, so that the bound on the total means something. */
export function createBodyReader(limits: Partial<BodyLimits> = {}): BodyReader {
  const { maxBytes, maxTotalBytes, timeoutMs } = { ...DEFAULTS, ...limits };
  let totalBytes = 0;

  return function readBody(stream) {
    if (stream.endAfterHeaders) return Promise.resolve(EMPTY);
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const timer = setTimeout(() => fail('timeout', 'the request body took too long'), timeoutMs);

      function settle(): void {
        clearTimeout(timer);
        totalBytes -= size;
        stream.off('data', onData).off('end', onEnd).off('close', onClose);
      }
      function fail(code: BodyErrorCode, message: string): void {
        settle();
        // Unread bytes stay under flow control; once the refusal is sent nothing is owed to the rest of the body.
        stream.pause();
        stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
        reject(new BodyError(code, message));
      }
      function onData(chunk: Buffer): void {
        size += chunk.length;
        totalBytes += chunk.length;
        if (size > maxBytes) fail('too-large', `the request body is larger than ${maxBytes} bytes`);
        else if (totalBytes > maxTotalBytes) fail('busy', 'too many request bodies at once, try again later');
        else chunks.push(chunk);
      }
      function onEnd(): void {
        // node:http2 also ends the readable side of a stream whose connection broke in the middle of its body.
        if (stream.aborted || stream.destroyed) {
          onClose();
          return;
        }
        settle();
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
      }
      function onClose(): void {
        fail('aborted', 'the request ended before its body');
      }
      stream.on('data', onData).on('end', onEnd).on('close', onClose);
    });
  };
}
