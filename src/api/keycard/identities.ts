/**
 * Users and open invitations in one list, in the order in which they came. Whoever was invited by address is a member who
 * has not joined; an invitation by link has nobody behind it yet.
 */
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { PageOf, PageRequest } from '../../domain/directory/directory.ts';
import type { Invitation, Membership } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import type { Condition } from '../../domain/ports/store.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { invitationEmail, invitationStatus } from './invitations.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { choiceParameter, expansions, pageParameters, textParameter } from './query.ts';
import { ORGANIZATION_ROLES, ROLE_NAMES, rolesNamed } from './roles.ts';
import { timeText, userStatus } from './wire.ts';

interface Conditions {
  readonly membership: Condition<'membership'>;
  /** Of invitations by link. */
  readonly invitation: Condition<'invitation'>;
}

function conditionsOf(query: unknown): Conditions {
  const role = choiceParameter(query, 'role', ORGANIZATION_ROLES);
  const email = textParameter(query, 'query[email]');
  const ofRole =
    role === undefined ? [] : [{ column: 'role', operator: 'in', value: rolesNamed(role) } as const];
  return {
    membership: {
      allOf: [
        ...ofRole,
        ...(email === undefined ? [] : [{ column: 'email', operator: 'contains', value: email } as const]),
      ],
    },
    invitation: {
      allOf: [
        ...ofRole,
        { column: 'membership', operator: 'is-null' },
        { column: 'status', operator: '=', value: 'pending' },
        // Those have no address.
        ...(email === undefined ? [] : [{ anyOf: [] }]),
      ],
    },
  };
}

type Entry =
  | { readonly id: number; readonly member: Membership }
  | { readonly id: number; readonly link: Invitation };

/** Both kinds have their ids from one sequence: two pages, merged and cut, are a page of the whole. */
async function entriesOf(
  { services: { directory } }: KeycardApiParts,
  actor: Actor,
  conditions: Conditions,
  page: PageRequest,
): Promise<PageOf<Entry>> {
  const [members, links] = await Promise.all([
    directory.page(actor, 'membership', { ...page, condition: conditions.membership }),
    directory.page(actor, 'invitation', { ...page, condition: conditions.invitation }),
  ]);
  const all = [
    ...members.rows.map((member): Entry => ({ id: member.id, member })),
    ...links.rows.map((link): Entry => ({ id: link.id, link })),
  ].sort((a, b) => a.id - b.id);
  const rows = page.fromEnd === true ? all.slice(-page.limit) : all.slice(0, page.limit);
  return { rows, more: members.more || links.more || all.length > page.limit };
}

async function toIdentities(
  parts: KeycardApiParts,
  actor: Actor,
  request: FastifyRequest,
  entries: readonly Entry[],
) {
  const { directory, people } = parts.services;
  const now = parts.clock.now();
  const permissions = expansions(request.query).has('permissions');
  const members = entries.flatMap((entry) => ('member' in entry ? entry.member : []));
  const waiting = members.filter(({ joinedAt }) => joinedAt === null).map(({ id }) => id);
  const [facts, invitations] = await Promise.all([
    people.signInFacts(actor, members),
    directory.facts(actor, 'invitation', 'membership', waiting),
  ]);
  const byMember = new Map<number, Invitation>(invitations.map((row) => [row.membership ?? 0, row]));
  const source = originOf(request, parts.publicUrl);
  const invited = (invitation: Invitation, email: string, role: Membership['role']) => ({
    id: invitation.nano,
    created_at: timeText(invitation.createdAt),
    email,
    role: ROLE_NAMES[role],
    source,
    status: invitationStatus(invitation, now),
    type: 'invitation',
    updated_at: timeText(invitation.lastSentAt ?? invitation.createdAt),
    ...(permissions ? { permissions: permissionsOf(actor, ['invitations']) } : {}),
  });
  return entries.map((entry) => {
    if ('link' in entry) {
      return invited(entry.link, invitationEmail(entry.link), entry.link.role ?? 'member');
    }
    const { member } = entry;
    const email = member.email ?? loginName(member);
    const invitation = member.joinedAt === null ? byMember.get(member.id) : undefined;
    if (invitation !== undefined) return invited(invitation, email, member.role);
    return {
      id: member.nano,
      created_at: timeText(member.createdAt),
      email,
      role: ROLE_NAMES[member.role],
      source: facts.get(member.id)?.issuer ?? source,
      status: userStatus(member),
      type: 'user',
      updated_at: timeText(member.updatedAt),
      ...(permissions ? { permissions: permissionsOf(actor, ['users']) } : {}),
    };
  });
}

export function identityOperations(parts: KeycardApiParts): Operation[] {
  const { services } = parts;
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
        const conditions = conditionsOf(request.query);
        const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
          entriesOf(parts, actor, conditions, page),
        );
        const count = async (): Promise<number> =>
          (await services.directory.count(actor, 'membership', conditions.membership)) +
          (await services.directory.count(actor, 'invitation', conditions.invitation));
        return {
          items: await toIdentities(parts, actor, request, rows),
          page_info: pageInfo,
          pagination: {
            after_cursor: pageInfo.has_next_page ? (pageInfo.end_cursor ?? null) : null,
            before_cursor: pageInfo.has_prev_page ? (pageInfo.start_cursor ?? null) : null,
            ...(expand.has('total_count') ? { total_count: await count() } : {}),
          },
          ...(expand.has('permissions')
            ? { permissions: permissionsOf(actor, ['identities', 'invitations', 'users']) }
            : {}),
        };
      },
    },
  ];
}
