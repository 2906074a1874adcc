/** What the holder of an invitation's link may do with it: look, without any credential, and accept, as somebody signed in. */
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { invitationEmail, invitationStatus } from './invitations.ts';
import type { KeycardApiParts } from './parts.ts';
import { ROLE_NAMES } from './roles.ts';
import { timeText } from './wire.ts';

const LINK = '/invitations/:token';

export const invitationLinkOperations = ({ services, clock }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.invitation-links.get',
    method: 'GET',
    path: LINK,
    requires: 'public',
    handle: async ({ request, reply }) => {
      const token = pathText(request, 'token');
      const { invitation, organization, role } = await services.invitationLinks.view(token);
      return reply.header('cache-control', 'no-store').send({
        created_by_name: invitation.byName,
        email: invitationEmail(invitation),
        expires_at: timeText(invitation.expiresAt),
        organization_name: organization.name,
        role: ROLE_NAMES[role],
        status: invitationStatus(invitation, clock.now()),
      });
    },
  },
  {
    id: 'keycard.invitation-links.accept',
    method: 'POST',
    path: `${LINK}/accept`,
    requires: 'authenticated',
    handle: async ({ actor, request }) => {
      const token = pathText(request, 'token');
      const { member, organization } = await services.invitationLinks.accept(actor, token, 'keycard-api');
      return {
        organization_id: organization.nano,
        organization_name: organization.name,
        success: true,
        user_id: member.nano,
      };
    },
  },
];
