import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { decodeDecimalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Membership } from '../../domain/model/people.ts';
import { deviceFqdn, displayName, loginName } from '../../domain/organizations/names.ts';
import type { AcceptedShare } from '../../domain/shares/share-acceptance.ts';
import { SHARE_PATH } from '../../domain/shares/share-code.ts';
import type { DeviceInvite } from '../../domain/shares/share-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { originOf } from '../shared/origin.ts';
import { pathText } from '../shared/parameters.ts';
import { asList, jsonBody } from './body.ts';
import { deviceOfPath } from './device-path.ts';
import { BASE, DEVICE, type GuardedCall, ORIGIN, type TailscaleApiParts } from './parts.ts';
import { wireTime } from './times.ts';

const newInvite = z.object({
  multiUse: z.boolean().nullish(),
  allowExitNode: z.boolean().nullish(),
  email: z.string().nullish(),
});
const createBody = z.preprocess(asList, z.array(newInvite));
const invitation = z.object({ invite: z.string() });
const acceptBody = z.preprocess(asList, z.array(invitation).length(1));

const wanted = ({ multiUse, allowExitNode, email }: z.output<typeof newInvite>) => ({
  multiUse: multiUse ?? false,
  exitNode: allowExitNode ?? false,
  email: email || null,
});

/** Ids inside an invite are integers, its own is a text: so the vendor has it. */
function inviteWire({ share, accepts: [first] }: DeviceInvite, url: string | undefined): object {
  return {
    id: String(share.id),
    created: wireTime(share.createdAt),
    tailnetId: share.org,
    deviceId: share.device,
    sharerId: share.sharer,
    ...(share.multiUse ? { multiUse: true } : {}),
    ...(share.exitNode ? { allowExitNode: true } : {}),
    ...(share.email === null ? {} : { email: share.email }),
    ...(share.lastSent === null ? {} : { lastEmailSentAt: wireTime(share.lastSent) }),
    ...(url === undefined ? {} : { inviteUrl: url }),
    accepted: first !== undefined,
    ...(first === undefined
      ? {}
      : {
          acceptedBy: {
            id: first.membership,
            loginName: first.loginName,
            profilePicUrl: first.avatarUrl,
          },
        }),
  };
}

const personWire = (member: Membership | undefined, id: number): object => ({
  id: String(id),
  displayName: member === undefined ? '' : displayName(member),
  loginName: member === undefined ? '' : loginName(member),
  profilePicURL: member?.avatarUrl ?? '',
});

const acceptedWire = ({ share, device, addresses, home, sharer, acceptor }: AcceptedShare): object => ({
  device: {
    id: encodeExternalId('device', device.id),
    os: device.os,
    name: device.label,
    fqdn: deviceFqdn(home, device.label),
    ipv4: addresses.find(({ family }) => family === 4)?.ip ?? '',
    ipv6: addresses.find(({ family }) => family === 6)?.ip ?? '',
    includeExitNode: share.exitNode,
  },
  sharer: personWire(sharer, share.sharer),
  acceptedBy: personWire(acceptor, acceptor.id),
});

function inviteId({ request }: GuardedCall): number {
  const id = decodeDecimalId(pathText(request, 'deviceInviteId'));
  if (id === undefined) throw notFound('invite');
  return id;
}

export function deviceInviteOperations({ services, publicUrl }: TailscaleApiParts): Operation[] {
  const { shares, shareAcceptance, shareCodeOf } = services;
  const list = `${DEVICE}/device-invites`;
  const path = `${BASE}/device-invites/:deviceInviteId`;
  /** The link opens a device to whoever has it: only those who may share see it. */
  const wireFor = ({ actor, request }: { actor: GuardedCall['actor']; request: FastifyRequest }) => {
    const origin = originOf(request, publicUrl);
    const mayShare = actor.permissions.has('shares:write');
    return (invite: DeviceInvite): object =>
      inviteWire(invite, mayShare ? `${origin}${SHARE_PATH}${shareCodeOf(invite.share)}` : undefined);
  };
  return [
    {
      id: 'tailscale.device-invites.list',
      method: 'GET',
      path: list,
      requires: 'shares:read',
      handle: async (call) => (await shares.list(call.actor, deviceOfPath(call))).map(wireFor(call)),
    },
    {
      id: 'tailscale.device-invites.create',
      method: 'POST',
      path: list,
      requires: 'shares:write',
      handle: async (call) => {
        const invites = jsonBody(call.request, createBody).map(wanted);
        const made = await shares.create(call.actor, deviceOfPath(call), invites, ORIGIN);
        return made.map(wireFor(call));
      },
    },
    {
      id: 'tailscale.device-invites.accept',
      method: 'POST',
      path: `${BASE}/device-invites/-/accept`,
      requires: 'shares:write',
      handle: async ({ actor, request }) => {
        const [body] = jsonBody(request, acceptBody);
        return acceptedWire(await shareAcceptance.accept(actor, body?.invite ?? '', ORIGIN));
      },
    },
    {
      id: 'tailscale.device-invites.get',
      method: 'GET',
      path,
      requires: 'shares:read',
      handle: async (call) => wireFor(call)(await shares.get(call.actor, inviteId(call))),
    },
    {
      id: 'tailscale.device-invites.delete',
      method: 'DELETE',
      path,
      requires: 'shares:write',
      handle: async (call) => {
        await shares.remove(call.actor, inviteId(call), ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.device-invites.resend',
      method: 'POST',
      path: `${path}/resend`,
      requires: 'shares:write',
      handle: async (call) => {
        await shares.resend(call.actor, inviteId(call), ORIGIN);
        return {};
      },
    },
  ];
}
