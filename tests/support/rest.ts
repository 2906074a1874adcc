// A small REST client for tests, over TCP or through a Unix socket that leads into a namespace.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 30_000;

export interface Answer {
  readonly status: number;
  /** The body as text, and parsed where it is JSON. */
  readonly text: string;
  readonly json: unknown;
}

export interface Rest {
  /** Sends `body` as JSON, or as the form that it is; resolves with any status, rejects when no answer comes. */
  readonly send: (method: string, path: string, body?: unknown) => Promise<Answer>;
  /** As `send`; throws when the status is not 200. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<unknown>;
}

export interface RestTarget {
  /** Origin, for instance http://127.0.0.1:8080. */
  readonly url: string;
  readonly token: string;
  /** A Unix socket to go through. */
  readonly socketPath?: string;
}

export function createRest({ url, token, socketPath }: RestTarget): Rest {
  const send: Rest['send'] = async (method, path, body) => {
    const isForm = body instanceof URLSearchParams;
    const payload = body === undefined ? '' : isForm ? body.toString() : JSON.stringify(body);
    const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
    const headers = {
      authorization: `Bearer ${token}`,
      'x-api-key': token,
      'content-length': Buffer.byteLength(payload),
      ...(body === undefined ? {} : { 'content-type': type }),
    };
    const options = {
      method,
      headers,
      timeout: TIMEOUT_MS,
      ...(socketPath === undefined ? {} : { socketPath }),
    };
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asking = request(new URL(path, url), options, (response) => {
        text(response).then(
          (received) => resolve({ status: response.statusCode ?? 0, text: received, json: parse(received) }),
          reject,
        );
      });
      asking.on('timeout', () =>
        asking.destroy(new Error(`${method} ${path}: no answer in ${TIMEOUT_MS} ms`)),
      );
      asking.on('error', reject);
      asking.end(payload);
    });
    return answer;
  };
  const ask: Rest['ask'] = async (method, path, body) => {
    const answer = await send(method, path, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  };
  return { send, ask };
}

function parse(received: string): unknown {
  try {
    return JSON.parse(received);
  } catch {
    return undefined;
  }
}
