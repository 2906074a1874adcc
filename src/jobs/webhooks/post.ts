/** One POST to an endpoint: bounded in time and in what is read, never redirected, only to where it may lead. */
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { SECOND } from '../../kernel/clock.ts';
import { isPublicAddress, PrivateTarget, publicLookup } from '../../kernel/public-addresses.ts';

export interface Post {
  /** Resolves with the status of the answer, whatever it is; rejects when there is none. */
  send(
    url: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<number>;
  close(): void;
}

export interface PostParts {
  /** Also private and loopback targets. */
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10 * SECOND;
const KEEP_ALIVE_MS = 30 * SECOND;
const MAX_SOCKETS = 64;
/** Of an answer this much is read, so that its connection can serve again; one that says more is cut off. */
const MAX_ANSWER_BYTES = 65_536;
const USER_AGENT = 'holdfast-webhook';

export function createPost({ allowPrivate, timeoutMs = TIMEOUT_MS }: PostParts): Post {
  const agentOptions = {
    keepAlive: true,
    timeout: KEEP_ALIVE_MS,
    maxSockets: MAX_SOCKETS,
    ...(allowPrivate ? {} : { lookup: publicLookup }),
  };
  const agents = { 'http:': new http.Agent(agentOptions), 'https:': new https.Agent(agentOptions) };

  const requireAllowed = (url: URL): void => {
    const host = url.hostname.replace(/^\[(.*)\]$/u, '$1');
    // A literal address is never looked up.
    if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host)) throw new PrivateTarget(host);
  };

  const send = (
    target: URL,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<number> =>
    new Promise((resolve, reject) => {
      const secure = target.protocol === 'https:';
      const request = (secure ? https : http).request(target, {
        method: 'POST',
        agent: agents[secure ? 'https:' : 'http:'],
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': USER_AGENT,
          ...headers,
        },
        signal,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        let read = 0;
        response.on('data', (chunk: Buffer) => {
          read += chunk.length;
          if (read > MAX_ANSWER_BYTES) response.destroy();
        });
        response.on('error', reject);
        // The status is what counts, also of an answer that was cut off.
        response.on('close', () => resolve(response.statusCode ?? 0));
      });
      request.end(body);
    });

  return {
    send: async (text, body, headers, signal) => {
      const target = new URL(text);
      requireAllowed(target);
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        return await send(
          target,
          body,
          headers,
          signal === undefined ? limit : AbortSignal.any([limit, signal]),
        );
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
