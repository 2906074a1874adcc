/**
 * What the tokens that devices get (`/machine/id-token`) are checked by, for each organization at an issuer of its own, in the
 * form of OpenID Connect Discovery; and where that is, for the organization's people.
 */

import type { FastifyRequest } from 'fastify';
import {
  IDENTITY_ALGORITHM,
  IDENTITY_CLAIMS,
  IDENTITY_PATH,
  identityIssuer,
} from '../../domain/devices/device-identity.ts';
import type { Organization } from '../../domain/model/people.ts';
import type { IdentityTokens } from '../../domain/ports/identity-tokens.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { pathText } from '../shared/parameters.ts';

export interface DeviceIdentityOperationsParts {
  readonly store: Pick<Store, 'get' | 'find'>;
  readonly tokens: Pick<IdentityTokens, 'published'>;
  /** The origin that people open; undefined: the one that the caller came by. */
  readonly publicUrl: string | undefined;
}

/** Of the issuer's address. */
const DISCOVERY = '/.well-known/openid-configuration';
const KEYS = '/.well-known/jwks.json';
/** How long both may be kept. A key is published a day before it signs. */
const CACHE = 'public, max-age=3600';
const NANO_ID = /^[a-z0-9]{26}$/u;
const ORGANIZATION = `${IDENTITY_PATH}:organization`;

export function deviceIdentityOperations(parts: DeviceIdentityOperationsParts): readonly Operation[] {
  const { store, tokens, publicUrl } = parts;
  const organizationOf = async (request: FastifyRequest): Promise<Organization> => {
    const nano = pathText(request, 'organization');
    if (!NANO_ID.test(nano)) throw notFound('organization');
    const [organization] = await store.find('organization', INSTALLATION, { nano }, 1);
    if (organization === undefined) throw notFound('organization');
    return organization;
  };

  return [
    {
      id: 'native.device-identity.metadata',
      method: 'GET',
      path: `${ORGANIZATION}${DISCOVERY}`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const organization = await organizationOf(request);
        const issuer = identityIssuer(originOf(request, publicUrl), organization);
        return reply.header('cache-control', CACHE).send({
          issuer,
          jwks_uri: `${issuer}${KEYS}`,
          // Nobody is sent anywhere: devices get their tokens over their own connection.
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          scopes_supported: ['openid'],
          id_token_signing_alg_values_supported: [IDENTITY_ALGORITHM],
          claims_supported: IDENTITY_CLAIMS,
        });
      },
    },
    {
      id: 'native.device-identity.keys',
      method: 'GET',
      path: `${ORGANIZATION}${KEYS}`,
      requires: 'public',
      handle: async ({ request, reply }) => {
        const organization = await organizationOf(request);
        const keys = await tokens.published(organization.id);
        return reply.header('cache-control', CACHE).send({ keys });
      },
    },
    {
      id: 'native.device-identity.read',
      method: 'GET',
      path: '/app/api/device-identity',
      requires: 'devices:read',
      handle: async ({ actor, request }) => {
        const organization = await store.get('organization', INSTALLATION, actor.org);
        if (organization === undefined) throw notFound('organization');
        const issuer = identityIssuer(originOf(request, publicUrl), organization);
        return { issuer, discovery: `${issuer}${DISCOVERY}` };
      },
    },
  ];
}
