/**
 * A hook that holds every answer of the dialect against the schemas of its contract, in whatever test makes the server. A
 * server that answered something else cannot be closed without saying so.
 */
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { failure } from './response-objects.ts';
import { RESPONSES } from './response-schemas.ts';

/** [1.4] 200 for everything but the test of a webhook; no redirects, which clients take for success. */
const successOf = (operation: string): number =>
  operation.endsWith('/webhooks/:endpointId/test') ? 202 : 200;
const LOWEST_ERROR = 400;
const MAX_SHOWN = 1_000;
const MAX_PROBLEMS = 5;
const ETAG = /^"[0-9a-f]{64}"$/u;

export interface ResponseCheck {
  /** Operations whose successful answer was looked at. */
  readonly seen: Set<string>;
  /** Adds the hook to the server's root: register it before the dialect. */
  readonly plugin: FastifyPluginAsync;
}

export function createResponseCheck(): ResponseCheck {
  const seen = new Set<string>();
  const problems: string[] = [];

  const check = (request: FastifyRequest, reply: FastifyReply, body: string): void => {
    const { url: path = '' } = request.routeOptions;
    const operation = `${request.method} ${path}`;
    if (!RESPONSES.has(operation)) return;
    const status = reply.statusCode;
    const wrong = problemOf(operation, reply, body);
    if (wrong !== undefined)
      problems.push(`${operation} answered ${status} with ${wrong}: ${body.slice(0, MAX_SHOWN)}`);
    else if (status < LOWEST_ERROR) seen.add(operation);
  };

  const plugin: FastifyPluginAsync = async (server) => {
    server.addHook('onSend', async (request, reply, payload) => {
      const body = payload instanceof Readable ? await textOf(payload) : String(payload ?? '');
      check(request, reply, body);
      return payload instanceof Readable ? body : payload;
    });
    server.addHook('onClose', async () => {
      if (problems.length > 0) throw new Error(problems.slice(0, MAX_PROBLEMS).join('\n'));
    });
  };
  // The server's own way to say that a plugin's hooks are for those around it, too.
  Object.assign(plugin, { [Symbol.for('skip-override')]: true });
  return { seen, plugin };
}

/** Undefined: the answer is one of the contract. */
function problemOf(operation: string, reply: FastifyReply, body: string): string | undefined {
  if (reply.statusCode >= LOWEST_ERROR) {
    const parsed = failure.safeParse(jsonOf(body));
    return parsed.success ? undefined : `no error of the contract (${parsed.error.message})`;
  }
  if (reply.statusCode !== successOf(operation)) return 'another status than the contract has';
  const parsed = RESPONSES.get(operation)?.safeParse(isPolicyText(operation, reply) ? body : jsonOf(body));
  if (parsed?.success === false) return `what the contract does not have (${parsed.error.message})`;
  return operation.endsWith('/acl') && !ETAG.test(String(reply.getHeader('etag'))) ? 'no ETag' : undefined;
}

const isPolicyText = (operation: string, reply: FastifyReply): boolean =>
  operation.endsWith('/acl') && String(reply.getHeader('content-type')).startsWith('application/hujson');

function jsonOf(body: string): unknown {
  if (body === '') return '';
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
