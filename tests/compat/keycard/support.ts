/** The dialect on a server of its own. */
import type { FastifyPluginAsync } from 'fastify';
import { createKeycardApi, createKeycardServices } from '../../../src/api/keycard/index.ts';
import { createSealer } from '../../../src/auth/sealing.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';

export const keycardDialect = ({
  store,
  clock,
  random,
  authenticator,
  onError,
}: ApiParts): FastifyPluginAsync[] => [
  createKeycardApi({
    services: createKeycardServices({
      store,
      clock,
      random,
      sealer: createSealer({ key: new Uint8Array(32).fill(7), random }),
    }),
    authenticate: authenticator.authenticate,
    clock,
    onError,
  }),
];

export const createKeycardServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, keycardDialect);
