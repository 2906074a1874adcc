/** Invitations, and identities: the one list of those who are in and those who are asked in. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Invitation, Organization } from '../../domain/model/people.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { parseBody } from './body.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import { listPage } from './paging.ts';
import type { KeycardApiParts, KeycardServices } from './parts.ts';
import { permissionsOf } from './permissions.ts';
import { expansions, pageParameters } from './query.ts';
import { ORGANIZATION_ROLES, ROLE_NAMES, ROLES_WRITTEN } from './roles.ts';
import { timeText } from './wire.ts';

const INVITATIONS = `${ORGANIZATION}/invitations`;
const ORIGIN = 'keycard-api';
/** The length of ids of others; ours are shorter. */
const MAX_CREATOR = 255;

const NewInvitation = z.object({ email: z.string(), role: z.enum(ORGANIZATION_ROLES) });

/** Pending until it is accepted, revoked or too old; the last is not stored but seen. */
export const invitationStatus = (
  { status, expiresAt }: Invitation,
  now: number,
): 'pending' | 'accepted' | 'expired' | 'revoked' =>
  status === 'pending' && expiresAt <= now ? 'expired' : status;

/** An invitation by link has no address: it shows one that is never mailed or matched. */
export const invitationEmail = ({ id, email }: Pick<Invitation, 'id' | 'email'>): string =>
  email ?? `link-${id}@invite.invalid`;

interface Shown {
  readonly organization: Organization;
  readonly now: number;
}

/** Whoever reads invitations may not be let at the accounts: then they are named by what the invitation remembers. */
const serviceAccountsOf = async (
  directory: KeycardServices['directory'],
  actor: Actor,
  ids: readonly number[],
) =>
  actor.permissions.has('service-accounts:read')
    ? directory.many(actor, 'serviceAccount', ids)
    : new Map<number, { readonly nano: string }>();

async function toInvitations(
  { directory }: KeycardServices,
  actor: Actor,
  request: FastifyRequest,
  invitations: readonly Invitation[],
  shown: Shown,
) {
  const { organization, now } = shown;
  const permissions = expansions(request.query).has('permissions');
  const madeBy = (kind: string, invitation: Invitation): number[] =>
    invitation.byKind === kind ? [Number(invitation.byId)] : [];
  const [members, people, accounts] = await Promise.all([
    directory.many(
      actor,
      'membership',
      invitations.flatMap(({ membership }) => membership ?? []),
    ),
    directory.many(
      actor,
      'membership',
      invitations.flatMap((one) => madeBy('membership', one)),
    ),
    serviceAccountsOf(
      directory,
      actor,
      invitations.flatMap((one) => madeBy('service_account', one)),
    ),
  ]);
  return invitations.map((invitation) => {
    const role = members.get(invitation.membership ?? 0)?.role ?? invitation.role ?? 'member';
    const by = Number(invitation.byId);
    const creator =
      (invitation.byKind === 'service_account' ? accounts : people).get(by)?.nano ??
      (invitation.byId || invitation.byName || 'system');
    return {
      id: invitation.nano,
      created_at: timeText(invitation.createdAt),
      created_by: creator.slice(0, MAX_CREATOR),
      email: invitationEmail(invitation),
      expires_at: timeText(invitation.expiresAt),
      organization_id: organization.nano,
      role: ROLE_NAMES[role],
      status: invitationStatus(invitation, now),
      updated_at: timeText(invitation.lastSentAt ?? invitation.createdAt),
      ...(permissions ? { permissions: permissionsOf(actor, ['invitations']) } : {}),
    };
  });
}

export const invitationOperations = ({ services, clock }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.invitations.create',
    method: 'POST',
    path: INVITATIONS,
    requires: 'invitations:write',
    handle: async ({ actor, request, reply }) => {
      const { organization } = await organizationOf(services, actor, request);
      const { email, role } = parseBody(request, NewInvitation);
      const { invitation } = await services.members.invite(
        actor,
        { email, role: ROLES_WRITTEN[role], madeBy: 'keycard', send: true },
        ORIGIN,
      );
      const [item] = await toInvitations(services, actor, request, [invitation], {
        organization,
        now: clock.now(),
      });
      return reply.code(201).send(item);
    },
  },
  {
    id: 'keycard.invitations.list',
    method: 'GET',
    path: INVITATIONS,
    requires: 'invitations:read',
    handle: async ({ actor, request }) => {
      const { organization } = await organizationOf(services, actor, request);
      const { rows, pageInfo } = await listPage(pageParameters(request.query), (page) =>
        services.directory.page(actor, 'invitation', page),
      );
      return {
        items: await toInvitations(services, actor, request, rows, { organization, now: clock.now() }),
        page_info: pageInfo,
        ...(expansions(request.query).has('permissions')
          ? { permissions: permissionsOf(actor, ['invitations']) }
          : {}),
      };
    },
  },
  {
    id: 'keycard.invitations.delete',
    method: 'DELETE',
    path: `${INVITATIONS}/:invitationId`,
    requires: 'invitations:write',
    handle: async ({ actor, request, reply }) => {
      await organizationOf(services, actor, request);
      const invitationId = pathText(request, 'invitationId');
      const { rows } = await services.directory.page(actor, 'invitation', {
        condition: { column: 'nano', operator: '=', value: invitationId },
        limit: 1,
      });
      const [invitation] = rows;
      if (invitation === undefined) throw notFound('invitation');
      await services.members.revokeInvitation(actor, invitation.id, ORIGIN);
      return reply.code(204).send();
    },
  },
];
