/** The Keycard organizations API. A plugin with its own bodies and errors. */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { AppError, invalid } from '../../kernel/errors.ts';
import { mountOperations, type Operation } from '../shared/operation.ts';
import { awsKeyPolicyOperations } from './aws-key-policy.ts';
import { discoveryOperations } from './discovery.ts';
import { sendError } from './errors.ts';
import { identityOperations } from './identities.ts';
import { invitationLinkOperations } from './invitation-links.ts';
import { invitationOperations } from './invitations.ts';
import { BASE, organizationOperations } from './organizations.ts';
import type { KeycardApiParts } from './parts.ts';
import { createRepeats, requestIdOf } from './repeats.ts';
import { serviceAccountOperations } from './service-accounts.ts';
import { ssoConnectionOperations } from './sso-connection.ts';
import { tokenOperations } from './tokens.ts';
import { userOperations } from './users.ts';

export type { KeycardApiParts, KeycardServices } from './parts.ts';
export { createKeycardServices, type KeycardServicesParts } from './services.ts';

/** Every operation of the dialect. */
export const keycardOperations = (parts: KeycardApiParts): Operation[] => [
  ...organizationOperations(parts),
  ...userOperations(parts),
  ...invitationOperations(parts),
  ...invitationLinkOperations(parts),
  ...identityOperations(parts),
  ...serviceAccountOperations(parts),
  ...ssoConnectionOperations(parts),
  ...awsKeyPolicyOperations(parts),
  ...tokenOperations(parts),
  ...discoveryOperations(parts),
];

const BODY_LIMIT_BYTES = 256 * 1024;
const BEARER = /^Bearer +(\S+)$/iu;

/** Clients send `application/json` with nothing in it where there is no body: that is no body, not a broken one. */
function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );
  server.addContentTypeParser(
    '*',
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => {
      const text = String(body);
      if (text.trim() === '') return done(null, undefined);
      try {
        return done(null, JSON.parse(text));
      } catch {
        return done(invalid('the body must be JSON', 'body'));
      }
    },
  );
}

export function createKeycardApi(parts: KeycardApiParts): FastifyPluginAsync {
  const identify = async (request: FastifyRequest) => {
    const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) throw new AppError('unauthenticated', 'a bearer token is required');
    const actor = await parts.authenticate(token);
    const { organizationId } = request.params as { organizationId?: string };
    return organizationId === undefined ? actor : parts.services.elsewhere.actorIn(actor, organizationId);
  };
  return async (server) => {
    readBodies(server);
    server.addHook('onRequest', async (request, reply) => {
      // The caller's own name for the request comes back, for those who look for it in logs.
      const id = requestIdOf(request);
      if (id !== undefined) void reply.header('x-client-request-id', id);
    });
    server.setErrorHandler((thrown: unknown, request, reply) => {
      if (sendError(reply, thrown)) parts.onError?.(thrown, request);
    });
    const repeats = createRepeats(parts.services.namedRequests);
    repeats.watch(server);
    const operations = keycardOperations(parts).map(repeats.wrap);
    mountOperations(server, operations, identify);
    mountFallback(server, operations);
  };
}

const INVITATIONS = '/invitations';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Everything else below the API's paths does not exist, and says so as JSON. */
function mountFallback(server: FastifyInstance, operations: readonly Operation[]): void {
  const below = [BASE, INVITATIONS].flatMap((root) => [root, `${root}/*`]);
  const beside = operations
    .map(({ path }) => path)
    .filter((path) => !below.some((root) => path.startsWith(root)));
  for (const url of new Set([...below, ...beside])) {
    const taken = operations
      .filter(({ path }) => path === url)
      .flatMap(({ method }): string[] => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    server.route({
      method: METHODS.filter((method) => !taken.includes(method)),
      url,
      // Before the body is read: nobody needs to send one to hear that nothing is here.
      onRequest: async (_request, reply) =>
        reply.code(404).send({ message: 'not found', code: 'not_found', status: 404 }),
      handler: async () => undefined,
    });
  }
}
