/** Everything below the dialect's paths that no operation answers, as Netmaker's router answers it. */
import type { FastifyInstance } from 'fastify';
import type { Operation } from '../shared/operation.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const BASES = [
  '/api/users',
  '/api/users_pending',
  '/api/v1/users',
  '/api/server',
  '/api/oauth',
  '/api/networks',
  '/api/nodes',
  '/api/hosts',
  '/api/extclients',
  '/api/v1/rac',
  '/api/v1/egress',
  '/api/v1/extclients',
];

const matches = (pattern: string, path: string): boolean => {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part === given[index] || (part.startsWith(':') && given[index] !== ''))
  );
};

export function mountFallback(server: FastifyInstance, operations: readonly Operation[]): void {
  for (const base of BASES) {
    for (const url of [base, `${base}/*`]) {
      const taken = new Set(
        operations
          .filter(({ path }) => path === url)
          .flatMap(({ method }) => [method, method === 'GET' ? 'HEAD' : method]),
      );
      server.route({
        method: METHODS.filter((method) => !taken.has(method)),
        url,
        // Before the body is read: nobody needs to send one to hear that nothing is here.
        onRequest: async (request, reply) => {
          const path = request.url.split('?', 1)[0] ?? '';
          const known = operations.filter((operation) => matches(operation.path, path));
          if (known.length > 0 && !known.some(({ method }) => method === request.method)) {
            return reply.code(405).send();
          }
          return reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n');
        },
        handler: async () => undefined,
      });
    }
  }
}
