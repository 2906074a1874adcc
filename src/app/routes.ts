/** Everything that answers over HTTP: health, the admin APIs, the pages. */
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { healthOperations } from '../api/native/health.ts';
import { mountOperations } from '../api/shared/operation.ts';
import type { ServeConfig } from '../config/config.ts';
import { AppError } from '../kernel/errors.ts';
import { dialects } from './dialects.ts';
import type { ReadinessProbe } from './readiness.ts';
import type { Services } from './services.ts';

export interface RoutesParts {
  readonly server: FastifyInstance;
  readonly services: Services;
  readonly config: ServeConfig;
  readonly readiness: ReadinessProbe;
  readonly log: Logger;
}

export async function mountRoutes({ server, services, readiness, log }: RoutesParts): Promise<void> {
  mountOperations(server, healthOperations(readiness.check), async () => {
    throw new AppError('unauthenticated', 'health needs no credential');
  });
  for (const dialect of dialects) await server.register(dialect({ services, log }));
}
