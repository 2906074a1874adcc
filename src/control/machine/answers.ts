/** Bodies in and answers out, for the requests of devices. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ZodType } from 'zod';
import { AppError, invalid } from '../../kernel/errors.ts';
import { BodyError } from '../transport/index.ts';

const MAX_SHOWN = 200;

/** The body as JSON of a shape. Errors: `invalid`, in words for the person at the client. */
export function parseJson<T>(schema: ZodType<T>, body: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw invalid('the body is not JSON', 'body');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') || 'body';
  throw invalid(`${field}: ${issue?.message ?? 'is not valid'}`.slice(0, MAX_SHOWN), field);
}

export function answerText(stream: ServerHttp2Stream, status: number, text: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': status, 'content-type': 'text/plain; charset=utf-8' });
  stream.end(text);
}

export function answerJson(stream: ServerHttp2Stream, value: unknown): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': constants.HTTP_STATUS_OK, 'content-type': 'application/json' });
  stream.end(JSON.stringify(value));
}

/** The status of an expected failure, whose message is fit for clients; undefined for a defect. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof BodyError) return error.status;
  if (!(error instanceof AppError)) return undefined;
  switch (error.code) {
    case 'unavailable':
      return constants.HTTP_STATUS_SERVICE_UNAVAILABLE;
    case 'invalid':
      return constants.HTTP_STATUS_BAD_REQUEST;
    case 'forbidden':
      return constants.HTTP_STATUS_FORBIDDEN;
    case 'not_found':
      return constants.HTTP_STATUS_NOT_FOUND;
    case 'rate_limited':
      return constants.HTTP_STATUS_TOO_MANY_REQUESTS;
    default:
      return undefined;
  }
}

/** Aborted when the stream is over, however it ended. */
export function endOf(stream: ServerHttp2Stream): AbortSignal {
  const end = new AbortController();
  stream.once('close', () => end.abort());
  if (stream.destroyed) end.abort();
  return end.signal;
}
