/** HTTP/1.1 as bytes: what a client is asked on its map stream, and what it posts back. */
import type { ZodType } from 'zod';
import { AppError } from '../../kernel/errors.ts';

export interface ClientCall {
  readonly method: 'GET' | 'POST';
  /** Of the client's own list: `/vip-services`, `/posture/identity`, … */
  readonly path: string;
  readonly body?: string;
}

export interface ClientAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Clients route on the path alone and do not look at the host. */
const HOST = 'client.invalid';
const HEADER_END = '\r\n\r\n';
const MAX_HEADER_BYTES = 16 * 1024;

export function formatCall({ method, path, body = '' }: ClientCall): Buffer {
  const bytes = Buffer.from(body, 'utf8');
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${HOST}`,
    ...(bytes.length === 0 ? [] : ['Content-Type: application/json', `Content-Length: ${bytes.length}`]),
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n') + HEADER_END, 'latin1'), bytes]);
}

/** Undefined for what is no answer. Its length is given, or it comes in chunks, or it goes on to the end. */
export function parseAnswer(bytes: Buffer): ClientAnswer | undefined {
  const end = bytes.indexOf(HEADER_END);
  if (end < 0 || end > MAX_HEADER_BYTES) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = /^HTTP\/1\.[01] (?<code>[1-5]\d\d)(?: |$)/u.exec(first)?.groups?.code;
  if (status === undefined) return undefined;
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const rest = bytes.subarray(end + HEADER_END.length);
  const body = bodyOf(rest, headers);
  return body === undefined ? undefined : { status: Number(status), body };
}

function bodyOf(rest: Buffer, headers: ReadonlyMap<string, string>): Buffer | undefined {
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return joinChunks(rest);
  const length = headers.get('content-length');
  if (length === undefined) return rest;
  if (!/^\d{1,9}$/u.test(length) || Number(length) > rest.length) return undefined;
  return rest.subarray(0, Number(length));
}

/** RFC 9112 §7.1; extensions and trailers are passed over. */
function joinChunks(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const digits = /^(?<size>[0-9a-fA-F]{1,7})(?:\s*;.*)?$/u.exec(bytes.toString('latin1', at, lineEnd));
    if (digits === null) return undefined;
    const size = Number.parseInt(digits.groups?.size ?? '', 16);
    at = lineEnd + 2;
    if (size === 0) return Buffer.concat(parts);
    if (at + size + 2 > bytes.length || bytes.toString('latin1', at + size, at + size + 2) !== '\r\n')
      return undefined;
    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}

const OK = 200;

/** The JSON of an answer. Errors: `unavailable` when the client refused, or said something else. */
export function readAnswer<T>(schema: ZodType<T>, { status, body }: ClientAnswer): T {
  if (status !== OK) throw new AppError('unavailable', `the device answered with status ${status}`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new AppError('unavailable', 'the device did not answer with JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new AppError('unavailable', 'the device answered in a form that is not known');
  return result.data;
}
