/**
 * The vendor's dashboard is served from an origin of its own. That origin, where the operator names one, may call; no
 * cookie means anything to this API, so none is allowed.
 */
import type { FastifyInstance } from 'fastify';
import type { Operation } from '../shared/operation.ts';

const METHODS = 'GET, PUT, POST, DELETE';
const HEADERS = 'Content-Type, Authorization, From-Ui, X-Requested-With, X-Application-Name, X-Tenant-ID';
const SECONDS = '600';

export function mountCors(
  server: FastifyInstance,
  operations: readonly Operation[],
  origin: string | undefined,
): void {
  if (origin === undefined) return;
  server.addHook('onRequest', async (request, reply) => {
    if (request.headers.origin !== origin) return;
    reply.header('access-control-allow-origin', origin).header('vary', 'Origin');
    const asks = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers;
    if (!asks) return;
    await reply
      .header('access-control-allow-methods', METHODS)
      .header('access-control-allow-headers', HEADERS)
      .header('access-control-max-age', SECONDS)
      .code(204)
      .send();
  });
  for (const url of new Set(operations.map(({ path }) => path))) {
    // Paths below which everything is answered have their own.
    if (!server.hasRoute({ method: 'OPTIONS', url })) {
      server.options(url, async (_request, reply) => reply.code(405).send());
    }
  }
}
