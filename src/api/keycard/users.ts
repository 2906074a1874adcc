/** Users: members who joined. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { Membership } from '../../domain/model/people.ts';
import { JOINED } from '../../domain/people/member-state.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts, KeycardServices } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { choiceParameter, expansions, pageParameters } from './query.ts';
import { ORGANIZATION_ROLES, rolesNamed } from './roles.ts';
import { toUser } from './wire.ts';

const USERS = `${ORGANIZATION}/users`;

/** The issuer of identities that are Holdfast's own: this very origin. */
export const ownIssuer = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

async function toUsers(
  { people }: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
  members: readonly Membership[],
) {
  const permissions = expansions(request.query).has('permissions');
  const facts = await people.signInFacts(actor, members);
  return members.map((member) =>
    toUser(member, facts.get(member.id)?.issuer ?? ownIssuer(request), { actor, permissions }),
  );
}

export const userOperations = ({ services }: KeycardApiParts): Operation[] => [
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
        items: await toUsers(services, actor, request, rows),
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
    path: `${USERS}/:userId`,
    requires: 'members:read',
    handle: async ({ actor, request }) => {
      await organizationOf(services, actor, request);
      const { userId } = request.params as { userId: string };
      const { rows } = await services.directory.page(actor, 'membership', {
        condition: { allOf: [JOINED, { column: 'nano', operator: '=', value: userId }] },
        limit: 1,
      });
      const [user] = await toUsers(services, actor, request, rows);
      if (user === undefined) throw notFound('user');
      return user;
    },
  },
];
