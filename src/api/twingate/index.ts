/** The Twingate dialect: its Admin GraphQL API at /api/graphql/. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid, toAppError } from '../../kernel/errors.ts';
import { mountOperations, type Operation } from '../shared/operation.ts';
import { retryAfterSeconds, serverRefusal } from '../shared/refusal.ts';
import { createBatches } from './batches.ts';
import { connectorTokenOperations } from './connector-tokens.ts';
import type { TwingateServices } from './context.ts';
import { errorBody, statusOf } from './errors.ts';
import { createExecutor, type GraphqlRequest } from './executor.ts';
import { createRowBudget } from './limits.ts';
import { createTwingateSchema } from './schema.ts';

export type { TwingateServices } from './context.ts';
export { createTwingateServices } from './services.ts';

export interface TwingateApiParts {
  readonly services: TwingateServices;
  /** From the text of a token to its actor; throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  readonly clock: Clock;
  /** Told of what was answered as our own fault. */
  readonly onError?: (error: unknown, request: FastifyRequest) => void;
}

const MAX_QUERY_LENGTH = 200_000;

const Body = z.object({
  query: z.string().max(MAX_QUERY_LENGTH),
  variables: z.record(z.string(), z.unknown()).nullish(),
  operationName: z.string().max(MAX_QUERY_LENGTH).nullish(),
});

function parseRequest(body: unknown, readOnly: boolean): GraphqlRequest {
  const parsed = Body.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') || 'query';
    throw invalid(`'${field}': ${issue?.message ?? 'invalid'}`, field);
  }
  const { query, variables, operationName } = parsed.data;
  return { query, variables: variables ?? {}, operationName: operationName ?? undefined, readOnly };
}

/** A GET carries its variables as JSON text. */
function parseQueryString(query: unknown): GraphqlRequest {
  const { variables, ...rest } = query as Readonly<Record<string, unknown>>;
  let given: unknown;
  try {
    given = typeof variables === 'string' && variables !== '' ? JSON.parse(variables) : undefined;
  } catch {
    throw invalid("'variables' must be JSON", 'variables');
  }
  return parseRequest({ ...rest, variables: given }, true);
}

export function createTwingateApi({
  services,
  authenticate,
  clock,
  onError,
}: TwingateApiParts): FastifyPluginAsync {
  const executor = createExecutor(createTwingateSchema());

  const actorOf = async (request: FastifyRequest): Promise<Actor> => {
    const key = request.headers['x-api-key'];
    if (typeof key !== 'string' || key === '') {
      throw new AppError('unauthenticated', 'The header X-API-KEY with an API token is required');
    }
    const actor = await authenticate(key);
    if (await services.tenancy.contradicts(actor, { host: request.headers.host })) {
      throw new AppError('unauthenticated', 'API token invalid');
    }
    return actor;
  };

  const answer = async (
    actor: Actor,
    request: FastifyRequest,
    reply: FastifyReply,
    read: () => GraphqlRequest,
  ) => {
    const context = {
      actor,
      services,
      batches: createBatches(),
      spend: createRowBudget(),
      now: clock.now(),
      host: request.host,
      onDefect: (error: unknown) => onError?.(error, request),
    };
    const result = await executor.run(read(), context);
    return reply.type('application/json').send(JSON.stringify(result));
  };

  const operations: Operation[] = [
    ...connectorTokenOperations(services.gateways),
    ...['/api/graphql', '/api/graphql/'].flatMap((path): Operation[] => [
      {
        id: 'twingate.graphql',
        method: 'POST',
        path,
        // Each field has a requirement of its own.
        requires: 'authenticated',
        handle: ({ actor, request, reply }) =>
          answer(actor, request, reply, () => parseRequest(request.body, false)),
      },
      {
        id: 'twingate.graphql.get',
        method: 'GET',
        path,
        // Clients probe with HEAD and no key, and expect anything but a redirect.
        requires: 'public',
        handle: async ({ request, reply }) => {
          const query = request.query as Readonly<Record<string, unknown>>;
          if (query.query === undefined) {
            return reply
              .code(405)
              .header('allow', 'POST')
              .send(errorBody(invalid('send the query with POST')));
          }
          return answer(await actorOf(request), request, reply, () => parseQueryString(query));
        },
      },
    ]),
  ];

  return async (server) => {
    server.setErrorHandler((thrown: unknown, request, reply) => {
      const refusal = serverRefusal(thrown);
      const error = refusal === undefined ? toAppError(thrown) : invalid(refusal.message, 'body');
      if (error.code === 'internal') onError?.(thrown, request);
      const code = refusal?.status ?? statusOf(error.code);
      if (code === 429) reply.header('retry-after', retryAfterSeconds(error.details));
      return reply.code(code).send(errorBody(error));
    });
    mountOperations(server, operations, actorOf);
  };
}
