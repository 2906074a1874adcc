import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** Begins a request and resolves when the answer's headers are there; the body is then read from the stream. */
export function openRequest(
  http2: ClientHttp2Session,
  { method = 'POST', path, body, headers }: RequestOptions,
): Promise<{ stream: ClientHttp2Stream; status: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    if (http2.closed || http2.destroyed) {
      reject(new Error('the control connection is gone'));
      return;
    }
    const stream = http2.request(
      { ...headers, ':method': method, ':path': path, 'content-type': 'application/json' },
      { endStream: body === undefined },
    );
    stream.once('response', (answer) => {
      stream.off('error', reject).off('close', onClose);
      stream.on('error', () => {});
      resolve({ stream, status: Number(answer[':status']), headers: answer });
    });
    function onClose(): void {
      reject(new Error(`${path}: the connection ended without an answer`));
    }
    stream.once('error', reject).once('close', onClose);
    if (body !== undefined) stream.end(body);
  });
}

/** One request and its whole answer. */
export async function request(http2: ClientHttp2Session, options: RequestOptions): Promise<Answer> {
  const { stream, status, headers } = await openRequest(http2, options);
  return { status, headers, body: await readAll(stream, options.path) };
}

/** The rest of an answer's body. Rejects where it breaks off. */
export function readAll(stream: ClientHttp2Stream, path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    // 'end' comes for a broken stream too; only how it was closed tells.
    const settle = (): void => {
      if (stream.rstCode === 0 && !stream.aborted) resolve(Buffer.concat(chunks));
      else reject(new Error(`${path}: the answer broke off (code ${stream.rstCode})`));
    };
    if (stream.destroyed) settle();
    else stream.once('close', settle);
  });
}
