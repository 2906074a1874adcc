/** Organizations and their roles. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Organization } from '../../domain/model/people.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { parseBody } from './body.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts, KeycardServices } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { choiceParameter, expansions, pageParameters } from './query.ts';
import { ROLE_SCOPES, ROLES } from './roles.ts';
import { toOrganization } from './wire.ts';

export const BASE = '/organizations';
export const ORGANIZATION = `${BASE}/:organizationId`;

/** The organization of the path, by id or label. Any but the caller's own does not exist. */
export async function organizationOf(
  { organizations }: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
): Promise<{ readonly organization: Organization; readonly ssoEnabled: boolean }> {
  const organizationId = pathText(request, 'organizationId');
  const own = await organizations.own(actor);
  if (organizationId !== own.organization.nano && organizationId !== own.organization.label) {
    throw notFound('organization');
  }
  return own;
}

const Change = z.object({ name: z.string().optional() });

export const organizationOperations = ({ services }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.organizations.create',
    method: 'POST',
    path: BASE,
    requires: 'authenticated',
    handle: async ({ actor, request, reply }) => {
      const { name } = parseBody(request, Change);
      const made = await services.ownOrganizations.create(actor, name, 'keycard-api');
      return reply.code(201).send(toOrganization(made, false, { actor, permissions: false }));
    },
  },
  {
    id: 'keycard.organizations.update',
    method: 'PATCH',
    path: ORGANIZATION,
    requires: 'organization:write',
    handle: async ({ actor, request }) => {
      const { ssoEnabled, organization } = await organizationOf(services, actor, request);
      const { name } = parseBody(request, Change);
      const after =
        name === undefined
          ? organization
          : await services.organizationAdmin.rename(actor, name, 'keycard-api');
      return toOrganization(after, ssoEnabled, { actor, permissions: false });
    },
  },
  {
    id: 'keycard.organizations.list',
    method: 'GET',
    path: BASE,
    requires: 'organization:read',
    handle: async ({ actor, request }) => {
      const parameters = pageParameters(request.query);
      const permissions = expansions(request.query).has('permissions');
      // A credential is good for one organization, but for people who are signed in everywhere.
      const all = (await services.elsewhere.organizations(actor)) ?? [
        { organization: (await services.organizations.own(actor)).organization, actor },
      ];
      const { rows, pageInfo } = await listPage(parameters, async (page) => {
        const { afterId = 0, beforeId = Number.MAX_VALUE, fromEnd, limit } = page;
        const inside = all.filter(({ organization: { id } }) => id > afterId && id < beforeId);
        const taken = fromEnd === true ? inside.slice(-limit) : inside.slice(0, limit);
        return {
          rows: taken.map((one) => ({ id: one.organization.id, ...one })),
          more: inside.length > taken.length,
        };
      });
      const items = rows.map(async ({ actor: there }) => {
        const { organization, ssoEnabled } = await services.organizations.own(there);
        return toOrganization(organization, ssoEnabled, { actor: there, permissions });
      });
      return {
        items: await Promise.all(items),
        page_info: pageInfo,
        ...(permissions ? { permissions: permissionsOf(actor, ['organizations']) } : {}),
      };
    },
  },
  {
    id: 'keycard.organizations.get',
    method: 'GET',
    path: ORGANIZATION,
    requires: 'organization:read',
    handle: async ({ actor, request }) => {
      const permissions = expansions(request.query).has('permissions');
      const { organization, ssoEnabled } = await organizationOf(services, actor, request);
      return toOrganization(organization, ssoEnabled, { actor, permissions });
    },
  },
  {
    id: 'keycard.roles.list',
    method: 'GET',
    path: `${ORGANIZATION}/roles`,
    requires: 'organization:read',
    handle: async ({ actor, request }) => {
      const scope = choiceParameter(request.query, 'scope', ROLE_SCOPES);
      const permissions = expansions(request.query).has('permissions');
      await organizationOf(services, actor, request);
      return {
        items: ROLES.filter((role) => scope === undefined || role.scope === scope),
        ...(permissions ? { permissions: permissionsOf(actor, ['roles']) } : {}),
      };
    },
  },
];
