/** The dialect on a server of its own. */
import type { FastifyPluginAsync } from 'fastify';
import { createKeycardApi, createKeycardServices } from '../../../src/api/keycard/index.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';

export const keycardDialect = (parts: ApiParts): FastifyPluginAsync[] => [
  createKeycardApi({
    services: createKeycardServices({ ...parts, onUse: parts.usage.record }),
    authenticate: parts.authenticator.authenticate,
    clock: parts.clock,
    publishedKeys: parts.signingKeys.published,
    publicUrl: undefined,
    onError: parts.onError,
  }),
];

export const createKeycardServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, keycardDialect);
