/** The Netmaker users API. A plugin with its own bodies and errors, for the paths of that API and no other. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { type Identify, mountOperations, type Operation } from '../shared/operation.ts';
import { accessTokenOperations } from './access-tokens.ts';
import { accountOperations } from './account.ts';
import { activityOperations } from './activity.ts';
import { authenticationOperations, createIdentify } from './authentication.ts';
import { mountCors } from './cors.ts';
import { egressOperations } from './egress.ts';
import { sendError } from './envelope.ts';
import { extClientBulkOperations } from './ext-client-bulk.ts';
import { extClientOperations } from './ext-clients.ts';
import { mountFallback } from './fallback.ts';
import { groupOperations } from './groups.ts';
import { inviteOperations } from './invites.ts';
import { networkUserOperations } from './network-users.ts';
import { networkOperations } from './networks.ts';
import { nodeOperations } from './nodes.ts';
import type { NetmakerApiParts } from './parts.ts';
import { pendingOperations } from './pending.ts';
import { remoteAccessOperations } from './remote-access.ts';
import { roleOperations } from './roles-operations.ts';
import { serverOperations } from './server.ts';
import { serverSettingsOperations } from './server-settings.ts';
import { ssoOperations } from './sso.ts';
import { superAdminOperations } from './super-admin.ts';
import { totpOperations } from './totp.ts';
import { userWriteOperations } from './user-writes.ts';
import { userOperations } from './users.ts';
import { userListOperations } from './users-v2.ts';

export { createHeadless, HEADLESS_PATH, type Headless } from './headless.ts';
export type { NetmakerApiParts, NetmakerServices } from './parts.ts';
export { createNetmakerServices, type NetmakerServicesParts } from './services.ts';

/** Every operation of the dialect. */
export const netmakerOperations = (
  parts: NetmakerApiParts,
  identify: Identify = createIdentify(parts),
): Operation[] => [
  ...authenticationOperations(parts),
  ...totpOperations(parts, identify),
  ...ssoOperations(parts),
  ...accountOperations(parts),
  ...accessTokenOperations(parts),
  ...pendingOperations(parts),
  ...inviteOperations(parts),
  ...userOperations(parts),
  ...userWriteOperations(parts),
  ...userListOperations(parts),
  ...activityOperations(parts),
  ...roleOperations(parts),
  ...groupOperations(parts),
  ...superAdminOperations(parts),
  ...serverOperations(parts),
  ...serverSettingsOperations(parts),
  ...networkOperations(parts),
  ...networkUserOperations(parts),
  ...nodeOperations(parts),
  ...extClientOperations(parts),
  ...extClientBulkOperations(parts),
  ...remoteAccessOperations(parts),
  ...egressOperations(parts),
];

const BODY_LIMIT_BYTES = 256 * 1024;

/** Bodies are JSON whatever they call themselves; one that is none is undefined, and each operation says so. */
function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    '*',
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => {
      try {
        done(null, JSON.parse(String(body)));
      } catch {
        done(null, undefined);
      }
    },
  );
}

export function createNetmakerApi(parts: NetmakerApiParts): FastifyPluginAsync {
  const identify = createIdentify(parts);
  return async (server) => {
    readBodies(server);
    server.setErrorHandler((thrown: unknown, request, reply) => {
      if (sendError(reply, thrown)) parts.onError?.(thrown, request);
    });
    const operations = netmakerOperations(parts, identify);
    mountOperations(server, operations, identify);
    mountFallback(server, operations);
    mountCors(server, operations, parts.dashboardUrl);
  };
}
