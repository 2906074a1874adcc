/** A device shared with another organization: one dialect has the word, and the devices of both meet. */
import type { TestDevice } from '../client/index.ts';
import type { Thing } from './things.ts';
import { ABSENT, type World } from './world.ts';

interface ShareRef {
  readonly invite: string;
  readonly url: string;
  readonly device: number;
  /** Of the organization that the device is shared with. */
  readonly token: string;
  readonly guest: TestDevice;
}

const invitePath = (ref: ShareRef): string => `/api/v2/device-invites/${ref.invite}`;

export const deviceInvite: Thing<ShareRef> = {
  word: 'device invite',
  create: {
    tailscale: async (world: World, name) => {
      const given = await world.device(name);
      const device = given.netmap().self?.ID ?? 0;
      const [made] = (await world.ask('POST', `/api/v2/device/${device}/device-invites`, [{}])) as {
        id: string;
        inviteUrl: string;
      }[];
      const { token } = await world.api.createOrganization(`with-${name}`);
      const guest = await world.device(`guest-of-${name}`, token);
      return { invite: made?.id ?? '', url: made?.inviteUrl ?? '', device, token, guest };
    },
  },
  created: { tailscale: { accepted: false }, map: ABSENT },
  steps: [
    {
      name: 'is accepted',
      by: {
        tailscale: async (world, { url, token }) => {
          const path = '/api/v2/device-invites/-/accept';
          const answer = await world.call('POST', path, { invite: url }, token);
          if (answer.status !== 200) throw new Error(answer.text);
        },
      },
      shows: { tailscale: { accepted: true }, map: { IsJailed: true, Online: true } },
    },
  ],
  remove: { tailscale: async (world, ref) => void (await world.ask('DELETE', invitePath(ref))) },
  read: {
    tailscale: async (world, ref) => {
      const answer = await world.call('GET', invitePath(ref));
      return answer.status === 404 ? ABSENT : answer.json();
    },
    map: async (_world, { guest, device }) => guest.netmap().peers.get(device) ?? ABSENT,
  },
};
