/** The dialect on a server of its own. */
import type { FastifyPluginAsync } from 'fastify';
import { createKeycardApi, createKeycardServices } from '../../../src/api/keycard/index.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';

export const keycardDialect = ({
  store,
  clock,
  random,
  authenticator,
  onError,
}: ApiParts): FastifyPluginAsync[] => [
  createKeycardApi({
    services: createKeycardServices({ store, clock, random }),
    authenticate: authenticator.authenticate,
    clock,
    onError,
  }),
];

export const createKeycardServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, keycardDialect);
