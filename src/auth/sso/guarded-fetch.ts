/**
 * Requests to identity providers, whose addresses an administrator of some organization wrote down: bounded in time and in
 * what is read, never redirected, over TLS, and only to public addresses (unless the installation allows others).
 */
import http from 'node:http';
import https from 'node:https';
import { SECOND } from '../../kernel/clock.ts';
import { publicLookup, requirePublicLiteral } from '../../kernel/public-addresses.ts';

export interface GuardedRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** The whole answer. Rejects when there is none in time, when it is too large, and for where it may not lead. */
export type GuardedFetch = (url: string, request?: GuardedRequest) => Promise<Response>;

export interface GuardedFetchParts {
  /** Also plain HTTP, and private and loopback addresses. */
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5 * SECOND;
/** Key sets and discovery documents of large providers have some tens of KiB. */
const MAX_ANSWER_BYTES = 512 * 1024;
/** What `Response` takes with no body at all. */
const BODILESS = new Set([101, 204, 205, 304]);
const LOWEST_STATUS = 200;

function requireAllowed(url: URL, allowPrivate: boolean): void {
  if (allowPrivate && (url.protocol === 'http:' || url.protocol === 'https:')) return;
  if (url.protocol !== 'https:') throw new Error(`${url.protocol} is not allowed: use https`);
  requirePublicLiteral(url);
}

export function createGuardedFetch({
  allowPrivate,
  timeoutMs = TIMEOUT_MS,
}: GuardedFetchParts): GuardedFetch {
  const lookup = allowPrivate ? {} : { lookup: publicLookup };
  return async (text, { method = 'GET', headers = {}, body, signal } = {}) => {
    const url = new URL(text);
    requireAllowed(url, allowPrivate);
    const limit = AbortSignal.timeout(timeoutMs);
    const both = signal === undefined ? limit : AbortSignal.any([limit, signal]);
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const client = url.protocol === 'https:' ? https : http;
      // A connection of its own: few sign-ins a minute do not repay keeping some open to whoever an administrator names.
      const request = client.request(url, { method, headers, agent: false, signal: both, ...lookup });
      request.on('error', reject);
      request.on('response', resolve);
      request.end(body);
    });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) {
        answer.destroy();
        throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
      }
      chunks.push(chunk);
    }
    const status = answer.statusCode ?? 0;
    if (status < LOWEST_STATUS) throw new Error(`status ${status}`);
    const fields = new Headers();
    for (const [name, values] of Object.entries(answer.headersDistinct)) {
      for (const value of values ?? []) fields.append(name, value);
    }
    return new Response(BODILESS.has(status) ? null : Buffer.concat(chunks), { status, headers: fields });
  };
}
