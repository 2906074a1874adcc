/**
 * The Tailscale API v2 (design: contract of the REST API). A plugin with its own bodies, errors and fallback, so that
 * nothing below `/api/v2` ever answers in another form. Two paths below it belong to another dialect, which mounts them
 * itself: `GET /api/v2/users` and `GET /api/v2/users/groups`.
 */
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { AppError, invalid } from '../../kernel/errors.ts';
import { tokenOfAuthorization } from '../shared/credentials.ts';
import { mountOperations, type Operation } from '../shared/operation.ts';
import { attributeOperations } from './attributes.ts';
import { awsOperations } from './aws.ts';
import { BODY_LIMIT_BYTES } from './body.ts';
import { contactOperations } from './contacts.ts';
import { deviceInviteOperations } from './device-invites.ts';
import { deviceOperations } from './devices.ts';
import { dnsOperations } from './dns.ts';
import { sendError, toWireError } from './errors.ts';
import { mountFallback } from './fallback.ts';
import { keyOperations } from './keys.ts';
import { logStreamOperations } from './log-streams.ts';
import { loggingOperations } from './logging.ts';
import { oauthOperations } from './oauth.ts';
import { oauthAppOperations } from './oauth-apps.ts';
import type { TailscaleApiParts } from './parts.ts';
import { policyFileOperations } from './policy-file.ts';
import { postureOperations } from './posture.ts';
import { requestId } from './request-id.ts';
import { settingsOperations } from './settings.ts';
import { tailnetOperations } from './tailnets.ts';
import { userInviteOperations } from './user-invites.ts';
import { userOperations } from './users.ts';
import { vipServiceOperations } from './vip-services.ts';
import { webhookOperations } from './webhooks.ts';

export type { TailscaleApiParts, TailscaleServices } from './parts.ts';
export { createTailscaleServices, type TailscaleServicesParts } from './services.ts';

/** Every operation of the dialect. */
export const tailscaleOperations = (parts: TailscaleApiParts): Operation[] => [
  ...oauthOperations(parts),
  ...deviceOperations(parts),
  ...keyOperations(parts),
  ...policyFileOperations(parts),
  ...dnsOperations(parts),
  ...userOperations(parts),
  ...userInviteOperations(parts),
  ...settingsOperations(parts),
  ...contactOperations(parts),
  ...attributeOperations(parts),
  ...vipServiceOperations(parts),
  ...webhookOperations(parts),
  ...postureOperations(parts),
  ...loggingOperations(parts),
  ...logStreamOperations(parts),
  ...awsOperations(parts),
  ...deviceInviteOperations(parts),
  ...oauthAppOperations(parts),
  ...tailnetOperations(parts),
];

const ANY_CONTENT = 'application/octet-stream';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readBodiesAsText(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => {
      try {
        done(null, typeof body === 'string' ? body : utf8.decode(body));
      } catch {
        done(invalid('request body is not valid UTF-8'));
      }
    },
  );
}

export function createTailscaleApi(parts: TailscaleApiParts): FastifyPluginAsync {
  const identify = async (request: FastifyRequest) => {
    const token = tokenOfAuthorization(request);
    if (token === undefined) throw new AppError('unauthenticated', 'API token invalid');
    return parts.authenticate(token);
  };
  return async (server) => {
    readBodiesAsText(server);
    server.addHook('onRequest', async (request, reply) => {
      // No client is refused for its Content-Type, however malformed it is.
      request.raw.headers['content-type'] = ANY_CONTENT;
      void reply.header('x-tailscale-request-id', requestId(parts));
    });
    server.setErrorHandler((error, request, reply) => {
      if (toWireError(error).status === 500) parts.onError?.(error, request);
      return sendError(reply, error);
    });
    const operations = tailscaleOperations(parts);
    mountOperations(server, operations, identify);
    mountFallback(server, operations);
  };
}
