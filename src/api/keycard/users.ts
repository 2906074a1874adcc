/** Users: members who joined. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Membership, Role } from '../../domain/model/people.ts';
import { JOINED } from '../../domain/people/member-state.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { pathText } from '../shared/parameters.ts';
import { keepingAnAdmin, parseBody } from './body.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts, KeycardServices } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { choiceParameter, expansions, pageParameters } from './query.ts';
import { ORGANIZATION_ROLES, ROLE_NAMES, ROLES_WRITTEN, rolesNamed } from './roles.ts';
import { toUser } from './wire.ts';

const USERS = `${ORGANIZATION}/users`;
const USER = `${USERS}/:userId`;
const ORIGIN = 'keycard-api';

async function toUsers(
  parts: KeycardApiParts,
  actor: Actor,
  request: FastifyRequest,
  members: readonly Membership[],
) {
  const permissions = expansions(request.query).has('permissions');
  const facts = await parts.services.people.signInFacts(actor, members);
  return members.map((member) =>
    // The issuer of identities that are Holdfast's own is this very origin.
    toUser(member, facts.get(member.id)?.issuer ?? originOf(request, parts.publicUrl), {
      actor,
      permissions,
    }),
  );
}

async function toOne(parts: KeycardApiParts, actor: Actor, request: FastifyRequest, member: Membership) {
  const [user] = await toUsers(parts, actor, request, [member]);
  return user;
}

/** The user of the path, in the organization of the path. Somebody who has not joined is none. */
async function memberOf(
  services: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
): Promise<Membership> {
  await organizationOf(services, actor, request);
  const userId = pathText(request, 'userId');
  const { rows } = await services.directory.page(actor, 'membership', {
    condition: { allOf: [JOINED, { column: 'nano', operator: '=', value: userId }] },
    limit: 1,
  });
  if (rows[0] === undefined) throw notFound('user');
  return rows[0];
}

/** Null is none of their values: what is not to change is left out. */
const Change = z.object({
  role: z.enum(ORGANIZATION_ROLES).optional(),
  status: z.enum(['active', 'disabled']).optional(),
});

export function userOperations(parts: KeycardApiParts): Operation[] {
  const { services } = parts;
  return [
    {
      id: 'keycard.users.list',
      method: 'GET',
      path: USERS,
      requires: 'members:read',
      handle: async ({ actor, request }) => {
        await organizationOf(services, actor, request);
        const role = choiceParameter(request.query, 'role', ORGANIZATION_ROLES);
        const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
          services.directory.page(actor, 'membership', {
            ...page,
            condition: {
              allOf: [
                JOINED,
                ...(role === undefined
                  ? []
                  : [{ column: 'role', operator: 'in', value: rolesNamed(role) } as const]),
              ],
            },
          }),
        );
        return {
          items: await toUsers(parts, actor, request, rows),
          page_info: pageInfo,
          ...(expansions(request.query).has('permissions')
            ? { permissions: permissionsOf(actor, ['users']) }
            : {}),
        };
      },
    },
    {
      id: 'keycard.users.get',
      method: 'GET',
      path: USER,
      requires: 'members:read',
      handle: async ({ actor, request }) =>
        toOne(parts, actor, request, await memberOf(services, actor, request)),
    },
    {
      id: 'keycard.users.update',
      method: 'PATCH',
      path: USER,
      requires: 'members:write',
      handle: async ({ actor, request }) => {
        const member = await memberOf(services, actor, request);
        const { role, status } = parseBody(request, Change);
        const after = await keepingAnAdmin(
          services.memberChanges.change(
            actor,
            member.id,
            {
              role: role === undefined ? undefined : ROLES_WRITTEN[role],
              isSame: (present: Role) => ROLE_NAMES[present] === role,
              active: status === undefined ? undefined : status === 'active',
            },
            ORIGIN,
          ),
        );
        return toOne(parts, actor, request, after);
      },
    },
    {
      id: 'keycard.users.delete',
      method: 'DELETE',
      path: USER,
      requires: 'members:write',
      handle: async ({ actor, request, reply }) => {
        const { id } = await memberOf(services, actor, request);
        await keepingAnAdmin(services.memberChanges.remove(actor, id, ORIGIN));
        return reply.code(204).send();
      },
    },
  ];
}
