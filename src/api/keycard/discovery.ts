/** What this installation's access tokens are checked by, and where they are got: for whoever takes them elsewhere. */
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import type { KeycardApiParts } from './parts.ts';

const KEYS = '/.well-known/jwks.json';
/** How long the list may be kept. A key is published a day before it signs. */
const CACHE = 'public, max-age=3600';

export const discoveryOperations = (parts: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.discovery.keys',
    method: 'GET',
    path: KEYS,
    requires: 'public',
    handle: async ({ reply }) => {
      const keys = await parts.publishedKeys();
      return reply.header('cache-control', CACHE).send({ keys });
    },
  },
  {
    // RFC 8414
    id: 'keycard.discovery.metadata',
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    requires: 'public',
    handle: async ({ request, reply }) => {
      const issuer = originOf(request, parts.publicUrl);
      return reply.header('cache-control', CACHE).send({
        issuer,
        token_endpoint: `${issuer}/service-account-token`,
        jwks_uri: `${issuer}${KEYS}`,
        grant_types_supported: ['client_credentials'],
        // Nobody is sent anywhere to authorize.
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      });
    },
  },
];
