/** Which request of a device goes where. Hosts are not looked at: clients put anything there. */
import type { ServerHttp2Stream } from 'node:http2';
import type { ConnectionContext } from '../transport/index.ts';

export interface MachineCall {
  readonly context: ConnectionContext;
  readonly stream: ServerHttp2Stream;
  /** The parts of the path that the route leaves open, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The whole body; some requests are GET with one. Errors: `BodyError`. */
  body(): Promise<Buffer>;
}

export interface MachineRoute {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** `/machine/ssh/action/{src}/to/{dst}` */
  readonly path: string;
  /** Answers on the stream. Failures that are fit for clients are `AppError` and `BodyError`. */
  readonly handle: (call: MachineCall) => Promise<void>;
}

export interface Matched {
  readonly route: MachineRoute;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

const MAX_TARGET = 4_096;

function matchPath(pattern: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== path.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const given = path[index] ?? '';
    if (!part.startsWith('{')) {
      if (part !== given) return undefined;
      continue;
    }
    try {
      params[part.slice(1, -1)] = decodeURIComponent(given);
    } catch {
      return undefined;
    }
  }
  return params;
}

/** `target`: path and query, as the request line has them. */
export function createRouter(
  routes: readonly MachineRoute[],
): (method: string, target: string) => Matched | undefined {
  const table = routes.map((route) => ({ route, pattern: route.path.split('/') }));
  return (method, target) => {
    if (target.length > MAX_TARGET) return undefined;
    const [path = '', query = ''] = target.split('?', 2);
    const parts = path.split('/');
    for (const { route, pattern } of table) {
      const params = route.method === method ? matchPath(pattern, parts) : undefined;
      if (params !== undefined) return { route, params, query: new URLSearchParams(query) };
    }
    return undefined;
  };
}
