/** The SSO connection: one an organization, there or not. */
import { z } from 'zod';
import type { SsoConnection } from '../../domain/model/people.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { parseBody } from './body.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import type { KeycardApiParts } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { expansions } from './query.ts';
import { timeText } from './wire.ts';

const CONNECTION = `${ORGANIZATION}/sso-connection`;
const ORIGIN = 'keycard-api';

/** The fields in it are the service's to check. */
const Part = z.record(z.string(), z.union([z.string(), z.array(z.string())]).nullable()).nullish();
const Protocols = z.object({ oauth2: Part, openid: Part }).nullish();

const Enable = z.object({
  identifier: z.string(),
  client_id: z.string(),
  client_secret: z.string().optional(),
  protocols: Protocols,
});
/** Null clears, but there is no connection without an issuer. */
const Change = z.object({
  identifier: z.string().optional(),
  client_id: z.string().nullish(),
  client_secret: z.string().nullish(),
  protocols: Protocols,
});

/** Only what was set: clients take anything more for a difference. */
const toConnection = (connection: SsoConnection) => ({
  id: connection.nano,
  client_id: connection.clientId,
  client_secret_set: connection.secretSealed !== null,
  created_at: timeText(connection.createdAt),
  identifier: connection.identifier,
  protocols: connection.protocols,
  updated_at: timeText(connection.updatedAt),
});

export const ssoConnectionOperations = ({ services }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.sso-connection.enable',
    method: 'POST',
    path: CONNECTION,
    requires: 'sso:write',
    handle: async ({ actor, request, reply }) => {
      await organizationOf(services, actor, request);
      const {
        identifier,
        client_id: clientId,
        client_secret: clientSecret,
        protocols,
      } = parseBody(request, Enable);
      const made = await services.ssoConnections.enable(
        actor,
        { identifier, clientId, clientSecret, protocols },
        ORIGIN,
      );
      return reply.code(201).send(toConnection(made));
    },
  },
  {
    id: 'keycard.sso-connection.get',
    method: 'GET',
    path: CONNECTION,
    requires: 'sso:read',
    handle: async ({ actor, request }) => {
      await organizationOf(services, actor, request);
      const connection = await services.ssoConnections.find(actor);
      if (connection === undefined) throw notFound('SSO connection');
      return {
        ...toConnection(connection),
        ...(expansions(request.query).has('permissions')
          ? { permissions: permissionsOf(actor, ['sso_connection']) }
          : {}),
      };
    },
  },
  {
    id: 'keycard.sso-connection.update',
    method: 'PATCH',
    path: CONNECTION,
    requires: 'sso:write',
    handle: async ({ actor, request }) => {
      await organizationOf(services, actor, request);
      const {
        identifier,
        client_id: clientId,
        client_secret: clientSecret,
        protocols,
      } = parseBody(request, Change);
      const patch = { identifier, clientId, clientSecret, protocols };
      return toConnection(await services.ssoConnections.update(actor, patch, ORIGIN));
    },
  },
  {
    id: 'keycard.sso-connection.disable',
    method: 'DELETE',
    path: CONNECTION,
    requires: 'sso:write',
    handle: async ({ actor, request, reply }) => {
      await organizationOf(services, actor, request);
      await services.ssoConnections.disable(actor, ORIGIN);
      return reply.code(204).send();
    },
  },
];
