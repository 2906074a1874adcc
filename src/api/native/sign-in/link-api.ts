/** Links to hand over where there is no mail: for a first or forgotten password, and for an invitation. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { INVITATION_PATH, type InvitationAcceptance } from '../../../domain/people/invitation-acceptance.ts';
import { PASSWORD_LINK_PATH, type PasswordLinks } from '../../../domain/people/password-links.ts';
import type { Operation } from '../../shared/operation.ts';
import { originOf } from '../../shared/origin.ts';
import { pathId } from '../../shared/parameters.ts';

export interface LinkApiParts {
  readonly passwordLinks: Pick<PasswordLinks, 'create'>;
  readonly invitations: Pick<InvitationAcceptance, 'createLink'>;
  readonly publicUrl: string | undefined;
}

const CREATED = 201;

export function linkOperations({
  passwordLinks,
  invitations,
  publicUrl,
}: LinkApiParts): readonly Operation[] {
  const answer = (
    request: FastifyRequest,
    reply: FastifyReply,
    path: string,
    expiresAt: number,
  ): FastifyReply =>
    reply
      .code(CREATED)
      .header('cache-control', 'no-store')
      .send({
        url: `${originOf(request, publicUrl)}${path}`,
        expires_at: new Date(expiresAt).toISOString(),
      });
  return [
    {
      id: 'native.password-link.create',
      method: 'POST',
      path: '/app/api/members/:id/password-link',
      requires: 'members:write',
      handle: async ({ request, reply, actor }) => {
        const id = pathId(request, 'member');
        const { link, expiresAt } = await passwordLinks.create(actor, id, 'native-api');
        return answer(request, reply, `${PASSWORD_LINK_PATH}${link}`, expiresAt);
      },
    },
    {
      id: 'native.invitation.link.create',
      method: 'POST',
      path: '/app/api/invitations/:id/link',
      requires: 'invitations:write',
      handle: async ({ request, reply, actor }) => {
        const id = pathId(request, 'invitation');
        const { link, expiresAt } = await invitations.createLink(actor, id, 'native-api');
        return answer(request, reply, `${INVITATION_PATH}${link}`, expiresAt);
      },
    },
  ];
}
