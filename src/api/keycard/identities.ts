/** Users and open invitations in one list, in the order in which they came. */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { Invitation, Membership } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import type { Condition } from '../../domain/ports/store.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { invitationStatus } from './invitations.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { choiceParameter, expansions, pageParameters, textParameter } from './query.ts';
import { ORGANIZATION_ROLES, ROLE_NAMES, rolesNamed } from './roles.ts';
import { lastChange, timeText, userStatus } from './wire.ts';

function filterOf(query: unknown): Condition<'membership'> {
  const role = choiceParameter(query, 'role', ORGANIZATION_ROLES);
  const email = textParameter(query, 'query[email]');
  return {
    allOf: [
      ...(role === undefined ? [] : [{ column: 'role', operator: 'in', value: rolesNamed(role) } as const]),
      ...(email === undefined ? [] : [{ column: 'email', operator: 'contains', value: email } as const]),
    ],
  };
}

/** Somebody asked in is shown by the invitation, everybody else as the user. */
async function toIdentities(
  parts: KeycardApiParts,
  actor: Actor,
  request: FastifyRequest,
  members: readonly Membership[],
  now: number,
) {
  const { directory, people } = parts.services;
  const permissions = expansions(request.query).has('permissions');
  const waiting = members.filter(({ joinedAt }) => joinedAt === null).map(({ id }) => id);
  const [facts, rows] = await Promise.all([
    people.signInFacts(actor, members),
    directory.facts(actor, 'invitation', 'membership', waiting),
  ]);
  const invitations = new Map<number, Invitation>(rows.map((row) => [row.membership ?? 0, row]));
  return members.map((member) => {
    const invitation = member.joinedAt === null ? invitations.get(member.id) : undefined;
    const common = {
      email: member.email ?? loginName(member),
      role: ROLE_NAMES[member.role],
      source: facts.get(member.id)?.issuer ?? originOf(request, parts.publicUrl),
    };
    const expanded = permissions
      ? { permissions: permissionsOf(actor, [invitation === undefined ? 'users' : 'invitations']) }
      : {};
    if (invitation !== undefined) {
      return {
        id: invitation.nano,
        created_at: timeText(invitation.createdAt),
        ...common,
        status: invitationStatus(invitation, now),
        type: 'invitation',
        updated_at: timeText(invitation.lastSentAt ?? invitation.createdAt),
        ...expanded,
      };
    }
    return {
      id: member.nano,
      created_at: timeText(member.createdAt),
      ...common,
      status: userStatus(member),
      type: 'user',
      updated_at: timeText(lastChange(member)),
      ...expanded,
    };
  });
}

export function identityOperations(parts: KeycardApiParts): Operation[] {
  const { services, clock } = parts;
  return [
    {
      id: 'keycard.identities.list',
      method: 'GET',
      path: `${ORGANIZATION}/identities`,
      // It shows invitations among the members.
      requires: 'invitations:read',
      handle: async ({ actor, request }) => {
        await organizationOf(services, actor, request);
        const expand = expansions(request.query);
        const condition = filterOf(request.query);
        const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
          services.directory.page(actor, 'membership', { ...page, condition }),
        );
        return {
          items: await toIdentities(parts, actor, request, rows, clock.now()),
          page_info: pageInfo,
          pagination: {
            after_cursor: pageInfo.has_next_page ? (pageInfo.end_cursor ?? null) : null,
            before_cursor: pageInfo.has_prev_page ? (pageInfo.start_cursor ?? null) : null,
            ...(expand.has('total_count')
              ? { total_count: await services.directory.count(actor, 'membership', condition) }
              : {}),
          },
          ...(expand.has('permissions')
            ? { permissions: permissionsOf(actor, ['identities', 'invitations', 'users']) }
            : {}),
        };
      },
    },
  ];
}
