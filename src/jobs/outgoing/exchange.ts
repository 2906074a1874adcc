/** One request to an address that somebody gave us: bounded in time and in what is read, never redirected, only to where it may lead. */
import http from 'node:http';
import https from 'node:https';
import { SECOND } from '../../kernel/clock.ts';
import { publicLookup, requirePublicLiteral } from '../../kernel/public-addresses.ts';

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface IncomingAnswer {
  readonly status: number;
  /** The beginning of the body, as text. */
  readonly text: string;
}

/** Resolves with the answer, whatever its status; rejects when there is none. */
export type Exchange = (request: OutgoingRequest, signal?: AbortSignal) => Promise<IncomingAnswer>;

export interface Outgoing {
  readonly exchange: Exchange;
  close(): void;
}

export interface OutgoingParts {
  /** Also private and loopback targets. */
  readonly allowPrivate: boolean;
  readonly userAgent: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10 * SECOND;
const KEEP_ALIVE_MS = 30 * SECOND;
const MAX_SOCKETS = 64;
/** Of an answer this much is read, so that its connection can serve again; one that says more is cut off. */
const MAX_ANSWER_BYTES = 65_536;

export function createOutgoing({ allowPrivate, userAgent, timeoutMs = TIMEOUT_MS }: OutgoingParts): Outgoing {
  const agentOptions = {
    keepAlive: true,
    timeout: KEEP_ALIVE_MS,
    maxSockets: MAX_SOCKETS,
    ...(allowPrivate ? {} : { lookup: publicLookup }),
  };
  const agents = { 'http:': new http.Agent(agentOptions), 'https:': new https.Agent(agentOptions) };

  const send = (
    target: URL,
    { method, body, headers }: OutgoingRequest,
    signal: AbortSignal,
  ): Promise<IncomingAnswer> =>
    new Promise((resolve, reject) => {
      const secure = target.protocol === 'https:';
      const request = (secure ? https : http).request(target, {
        method,
        agent: agents[secure ? 'https:' : 'http:'],
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': userAgent,
          ...headers,
        },
        signal,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        let read = 0;
        response.on('data', (chunk: Buffer) => {
          read += chunk.length;
          chunks.push(chunk);
          if (read > MAX_ANSWER_BYTES) response.destroy();
        });
        response.on('error', reject);
        // The status is what counts, also of an answer that was cut off.
        response.on('close', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8'),
          }),
        );
      });
      request.end(body);
    });

  return {
    exchange: async (request, signal) => {
      const target = new URL(request.url);
      if (!allowPrivate) requirePublicLiteral(target);
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        return await send(target, request, signal === undefined ? limit : AbortSignal.any([limit, signal]));
      } catch (error) {
        if (!limit.aborted) throw error;
        throw new Error(`no answer within ${timeoutMs / SECOND} s`, { cause: error });
      }
    },
    close: () => {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}
