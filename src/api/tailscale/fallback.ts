/** Everything below `/api/v2` that no operation answers: 405 where the path has operations of other methods, else 404. */
import type { FastifyInstance } from 'fastify';
import type { Operation } from '../shared/operation.ts';
import { BASE } from './parts.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const segments = (path: string): readonly string[] => path.split('/');

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((part, index) => part === path[index] || (part.startsWith(':') && path[index] !== ''))
  );
}

export function mountFallback(server: FastifyInstance, operations: readonly Operation[]): void {
  const known = operations.map(({ method, path }) => ({ method, pattern: segments(path) }));
  for (const url of [BASE, `${BASE}/*`]) {
    server.route({
      method: [...METHODS],
      url,
      // Before the body is read: nobody needs to send one to hear that nothing is here.
      onRequest: async (request, reply) => {
        const path = segments(request.url.split('?', 1)[0] ?? '');
        const methods = known.filter(({ pattern }) => matches(pattern, path)).map(({ method }) => method);
        // An operation of this very method was not found by the router for another reason, such as an endless id.
        const wrongMethod = methods.length > 0 && !methods.some((method) => method === request.method);
        if (wrongMethod) {
          return reply.code(405).header('allow', methods.join(', ')).send({ message: 'method not allowed' });
        }
        return reply.code(404).send({ message: 'not found' });
      },
      handler: async () => undefined,
    });
  }
}
