/** The agent's side of its server: who it is, the live list of clients, and reports. */
import { z } from 'zod';
import { type Clients, Message, Welcome } from './messages.ts';

/** The server takes the agent for nobody: its token was ended, or the gateway is gone. */
export class DismissedError extends Error {}

export interface Hello {
  readonly public_key: string;
  readonly endpoint?: string;
  readonly listen_port: number;
  readonly mtu: number;
  readonly version: string;
}

export interface ClientReport {
  readonly id: number;
  readonly last_handshake: number | null;
  readonly received_bytes: number;
  readonly sent_bytes: number;
  readonly endpoint: string;
}

export interface ServerLink {
  hello(hello: Hello): Promise<Welcome>;
  /** Ends when the server ends it; throws when the connection breaks or falls silent. */
  clients(signal: AbortSignal): AsyncGenerator<Clients>;
  report(version: string, clients: readonly ClientReport[]): Promise<void>;
}

/** The server says something at least every five seconds. */
const SILENT_MS = 15_000;
const CALL_TIMEOUT_MS = 20_000;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

const Failure = z.object({ message: z.string() });

async function failureOf(response: Response): Promise<Error> {
  const text = await response.text().catch(() => '');
  let message = `the server answered ${response.status}`;
  try {
    message = Failure.parse(JSON.parse(text)).message;
  } catch {
    // Somebody else answered, a proxy perhaps: the status says enough.
    return new Error(message);
  }
  return response.status === UNAUTHORIZED || response.status === NOT_FOUND
    ? new DismissedError(message)
    : new Error(message);
}

export function createServerLink({
  server,
  token,
}: {
  readonly server: string;
  readonly token: string;
}): ServerLink {
  const base = `${server.replace(/\/+$/u, '')}/app/api/gateway-agent`;
  const authorization = `Bearer ${token}`;

  const post = async (what: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${base}/${what}`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    if (!response.ok) throw await failureOf(response);
    return response.json();
  };

  return {
    hello: async (hello) => Welcome.parse(await post('hello', hello)),
    report: async (version, clients) => void (await post('report', { version, clients })),
    clients: async function* (signal) {
      const silence = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const heard = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(new Error('the server fell silent')), SILENT_MS);
      };
      heard();
      try {
        const response = await fetch(`${base}/clients`, {
          headers: { authorization },
          signal: AbortSignal.any([signal, silence.signal]),
        });
        if (!response.ok || response.body === null) throw await failureOf(response);
        for await (const text of lines(response.body)) {
          heard();
          const message = Message.parse(JSON.parse(text));
          if (message.kind !== 'alive') yield message;
        }
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE_BYTES) throw new Error('the server sent a line without an end');
    for (const part of parts) if (part !== '') yield part;
  }
}
