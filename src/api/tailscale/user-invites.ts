import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { decodeDecimalId } from '../../domain/ids/external-id.ts';
import { JOIN_PATH } from '../../domain/people/invite-link.ts';
import type { UserInvite } from '../../domain/people/user-invites.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { pathText } from '../shared/parameters.ts';
import { asList, jsonBody } from './body.ts';
import { BASE, type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { wireTime } from './times.ts';
import { isWireRole, wireRole } from './users.ts';

const newInvite = z.object({ role: z.string().nullish(), email: z.string().nullish() });
const body = z.preprocess(asList, z.array(newInvite).min(1));

/** Ids inside an invite are integers, its own is a text: so the vendor has it. */
function inviteWire({ invitation, role, link }: UserInvite, origin: string): object {
  const sent = invitation.lastSentAt ?? invitation.createdAt;
  return {
    id: String(invitation.id),
    role: wireRole(role),
    tailnetId: invitation.org,
    inviterId: invitation.byKind === 'membership' ? Number(invitation.byId) : 0,
    ...(invitation.email === null ? {} : { email: invitation.email, lastEmailSentAt: wireTime(sent) }),
    ...(link === undefined ? {} : { inviteUrl: `${origin}${JOIN_PATH}${link}` }),
  };
}

function wanted({ role, email }: z.output<typeof newInvite>) {
  const given = role || 'member';
  if (!isWireRole(given) || given === 'owner') {
    throw invalid(
      'role must be one of member, admin, it-admin, network-admin, billing-admin, auditor',
      'role',
    );
  }
  return { role: given, email: email || null };
}

function inviteId({ request }: GuardedCall): number {
  const id = decodeDecimalId(pathText(request, 'userInviteId'));
  if (id === undefined) throw notFound('invitation');
  return id;
}

export function userInviteOperations({ services, publicUrl }: TailscaleApiParts): Operation[] {
  const { organizations, userInvites } = services;
  const list = `${TAILNET}/user-invites`;
  const path = `${BASE}/user-invites/:userInviteId`;
  const wireFor = ({ request }: { readonly request: FastifyRequest }) => {
    const origin = originOf(request, publicUrl);
    return (invite: UserInvite): object => inviteWire(invite, origin);
  };
  return [
    {
      id: 'tailscale.user-invites.list',
      method: 'GET',
      path: list,
      requires: 'invitations:read',
      handle: inTailnet(organizations, async (call) =>
        (await userInvites.list(call.actor)).map(wireFor(call)),
      ),
    },
    {
      id: 'tailscale.user-invites.create',
      method: 'POST',
      path: list,
      requires: 'invitations:write',
      handle: inTailnet(organizations, async (call) => {
        const invites = jsonBody(call.request, body).map(wanted);
        return (await userInvites.create(call.actor, invites, 'tailscale', ORIGIN)).map(wireFor(call));
      }),
    },
    {
      id: 'tailscale.user-invites.get',
      method: 'GET',
      path,
      requires: 'invitations:read',
      handle: async (call) => wireFor(call)(await userInvites.get(call.actor, inviteId(call))),
    },
    {
      id: 'tailscale.user-invites.delete',
      method: 'DELETE',
      path,
      requires: 'invitations:write',
      handle: async (call) => {
        await userInvites.revoke(call.actor, inviteId(call), ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.user-invites.resend',
      method: 'POST',
      path: `${path}/resend`,
      requires: 'invitations:write',
      handle: async (call) => {
        await userInvites.resend(call.actor, inviteId(call), ORIGIN);
        return {};
      },
    },
  ];
}
