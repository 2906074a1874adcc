/** Each thing with its writers and readers in every dialect, and how it must read after each step. */
import type { TestDevice } from '../client/index.ts';
import { uuidOf } from '../compat/netmaker/calls.ts';
import { BY_TEST } from '../support/seeds.ts';
import type { Dialect, Word } from './vocabulary.ts';
import { ABSENT, gid, integerOf, nodeUuid, type World } from './world.ts';

/** `domain` stands for what no dialect can do yet: it writes through the store. */
export type Writer = Dialect | 'domain' | 'control';
/** A matcher of what the dialect reads, or ABSENT. */
export type Shown = Partial<Record<Dialect | 'map', unknown>>;

export interface Step<R> {
  readonly name: string;
  readonly by: Partial<Record<Writer, (world: World, ref: R) => Promise<void>>>;
  readonly shows: Shown;
}

export interface Thing<R> {
  readonly word: Word;
  readonly create: Partial<Record<Writer, (world: World, name: string) => Promise<R>>>;
  readonly created: Shown;
  readonly steps: readonly Step<R>[];
  readonly remove: Partial<Record<Writer, (world: World, ref: R) => Promise<void>>>;
  /** What each dialect that has the word shows of it; `map`: a device of somebody else. */
  readonly read: Partial<Record<Dialect | 'map', (world: World, ref: R) => Promise<unknown>>>;
}

export interface PersonRef {
  readonly id: number;
  readonly email: string;
  readonly nano: string;
}
export type Rows = readonly Record<string, unknown>[];

export const payload = async (
  world: World,
  mutation: string,
  fields = 'ok error',
): Promise<{ ok: boolean; entity: { id: string } }> => {
  const { it } = await world.gql(`mutation { it: ${mutation} { ${fields} } }`);
  if (it.ok !== true) throw new Error(`${mutation}: ${it.error}`);
  return it;
};

const tailscaleUser = (world: World, { id }: PersonRef, action: string, body?: unknown) =>
  world.ask('POST', `/api/v2/users/${id}/${action}`, body);
const twingateUser = ({ id }: PersonRef): string => JSON.stringify(gid('User', id));

/** The member that an invitation made. */
async function invited(world: World, email: string): Promise<PersonRef> {
  const [row] = await world.api.store.find('membership', world.api.organization.id, { emailKey: email });
  if (row === undefined) throw new Error('the invited user is not in the store');
  return { id: row.id, email, nano: row.nano };
}

export const INVITE: Thing<PersonRef>['create'] = {
  twingate: async (world, name) => {
    const email = `${name}@acme.test`;
    await payload(world, `userCreate(email: "${email}")`);
    return invited(world, email);
  },
  tailscale: async (world, name) => {
    const email = `${name}@acme.test`;
    await world.ask('POST', '/api/v2/tailnet/-/user-invites', [{ role: 'member', email }]);
    return invited(world, email);
  },
  keycard: async (world, name) => {
    const email = `${name}@acme.test`;
    const answer = await world.call('POST', '/organizations/acme/invitations', { email, role: 'org_member' });
    if (answer.status !== 201) throw new Error(answer.text);
    return invited(world, email);
  },
  netmaker: async (world, name) => {
    const email = `${name}@acme.test`;
    await world.ask('POST', '/api/v1/users/invite', {
      user_emails: [email],
      platform_role_id: 'platform-user',
    });
    return invited(world, email);
  },
};

const keycardUser = async (world: World, { nano }: PersonRef, change: object): Promise<void> => {
  const answer = await world.call('PATCH', `/organizations/acme/users/${nano}`, change);
  if (answer.status !== 200) throw new Error(answer.text);
};

export const person: Thing<PersonRef> = {
  word: 'person',
  create: INVITE,
  created: {
    // Somebody invited is a user in one dialect alone.
    tailscale: ABSENT,
    twingate: { state: 'PENDING', role: 'MEMBER', firstName: '' },
    netmaker: ABSENT,
    keycard: ABSENT,
  },
  steps: [
    {
      name: 'joins',
      by: {
        domain: async ({ api }, { id }) => {
          const org = api.organization.id;
          await api.store.write({ orgs: [org], by: BY_TEST, origin: 'system' }, async (tx) => {
            await tx.update('membership', org, id, { joinedAt: tx.now, approvedAt: tx.now });
            tx.audit(org, { verb: 'accept', objectKind: 'membership', objectId: id, objectName: 'test' });
          });
        },
      },
      shows: {
        tailscale: { status: 'active', role: 'member' },
        twingate: { state: 'ACTIVE', role: 'MEMBER' },
        netmaker: { account_disabled: false, platform_role_id: 'platform-user', display_name: '' },
        keycard: { status: 'active', role: 'org_member' },
      },
    },
    {
      name: 'gets a name',
      by: {
        twingate: async (world, ref) => {
          await payload(
            world,
            `userDetailsUpdate(id: ${twingateUser(ref)}, firstName: "Anna", lastName: "Berg")`,
          );
        },
      },
      shows: {
        tailscale: { displayName: 'Anna Berg' },
        twingate: { firstName: 'Anna', lastName: 'Berg' },
        netmaker: { display_name: 'Anna Berg' },
      },
    },
    {
      name: 'becomes network administrator',
      by: {
        tailscale: async (world, ref) =>
          void (await tailscaleUser(world, ref, 'role', { role: 'network-admin' })),
        twingate: async (world, ref) =>
          void (await payload(world, `userRoleUpdate(id: ${twingateUser(ref)}, role: DEVOPS)`)),
      },
      shows: {
        tailscale: { role: 'network-admin' },
        twingate: { role: 'DEVOPS' },
        netmaker: { platform_role_id: 'platform-user', isadmin: false },
        keycard: { role: 'org_viewer' },
      },
    },
    {
      name: 'is suspended',
      by: {
        tailscale: async (world, ref) => void (await tailscaleUser(world, ref, 'suspend')),
        twingate: async (world, ref) =>
          void (await payload(world, `userDetailsUpdate(id: ${twingateUser(ref)}, state: DISABLED)`)),
        keycard: (world, ref) => keycardUser(world, ref, { status: 'disabled' }),
      },
      shows: {
        tailscale: { status: 'suspended' },
        twingate: { state: 'DISABLED' },
        netmaker: { account_disabled: true },
        keycard: { status: 'disabled' },
      },
    },
    {
      name: 'is restored',
      by: {
        tailscale: async (world, ref) => void (await tailscaleUser(world, ref, 'restore')),
        twingate: async (world, ref) =>
          void (await payload(world, `userDetailsUpdate(id: ${twingateUser(ref)}, state: ACTIVE)`)),
        keycard: (world, ref) => keycardUser(world, ref, { status: 'active' }),
      },
      shows: {
        tailscale: { status: 'active', role: 'network-admin' },
        twingate: { state: 'ACTIVE', role: 'DEVOPS' },
        netmaker: { account_disabled: false },
        keycard: { status: 'active' },
      },
    },
  ],
  remove: {
    tailscale: async (world, ref) => void (await tailscaleUser(world, ref, 'delete')),
    twingate: async (world, ref) => void (await payload(world, `userDelete(id: ${twingateUser(ref)})`)),
    keycard: async (world, { nano }) => {
      const answer = await world.call('DELETE', `/organizations/acme/users/${nano}`);
      if (answer.status !== 204) throw new Error(answer.text);
    },
  },
  read: {
    tailscale: async (world, { email }) => {
      const { users } = (await world.ask('GET', '/api/v2/tailnet/-/users')) as { users: Rows };
      return users.find(({ loginName }) => loginName === email) ?? ABSENT;
    },
    twingate: async (world, { id }) => {
      const { user } = await world.gql(
        'query($id: ID!) { user(id: $id) { firstName lastName email state role } }',
        { id: gid('User', id) },
      );
      return user ?? ABSENT;
    },
    netmaker: async (world, { email }) => {
      const users = (await world.ask('GET', '/api/users')) as Rows;
      return users.find(({ username }) => username === email) ?? ABSENT;
    },
    keycard: async (world, { nano }) => {
      const answer = await world.call('GET', `/organizations/acme/users/${nano}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
  },
};

interface GroupRef {
  readonly id: string;
  readonly member: PersonRef;
}

const GROUP = 3;
/** Its id there, from the one that the other dialect gave. */
const netmakerGroup = (id: string): string =>
  uuidOf(GROUP, Number(Buffer.from(id, 'base64').toString().split(':')[1]));
const decodeUuid = (uuid: string): number => Number.parseInt(uuid.slice(-15).replace('-', ''), 16);
const groupsOf = async (world: World, { email }: PersonRef, user_group_ids: object): Promise<void> =>
  void (await world.ask('PUT', `/api/users/${email}`, { username: email, user_group_ids }));

export const group: Thing<GroupRef> = {
  word: 'group',
  create: {
    twingate: async (world, name) => {
      const { member } = await world.member('member', name);
      const made = await payload(
        world,
        `groupCreate(name: "${name}", userIds: ["${gid('User', member.id)}"])`,
        'ok error entity { id }',
      );
      return { id: made.entity.id, member: { id: member.id, email: member.email ?? '', nano: member.nano } };
    },
    netmaker: async (world, name) => {
      const { member } = await world.member('member', name);
      const made = (await world.ask('POST', '/api/v1/users/group', {
        user_group: { name },
        members: [member.email],
      })) as { Response: { id: string } };
      const id = gid('Group', decodeUuid(made.Response.id));
      return { id, member: { id: member.id, email: member.email ?? '', nano: member.nano } };
    },
  },
  created: {
    twingate: { isActive: true, users: { totalCount: 1 } },
    netmaker: { default: false, network_roles: {} },
  },
  steps: [
    {
      name: 'is renamed',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `groupUpdate(id: "${id}", name: "Renamed ${id}")`)),
        netmaker: async (world, { id }) =>
          void (await world.ask('PUT', '/api/v1/users/group', {
            id: netmakerGroup(id),
            name: `Renamed ${id}`,
          })),
      },
      shows: {
        twingate: { name: expectText(/^Renamed /u) },
        netmaker: { name: expectText(/^Renamed /u) },
      },
    },
    {
      name: 'loses its member',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `groupUpdate(id: "${id}", userIds: [])`)),
        netmaker: (world, { member }) => groupsOf(world, member, {}),
      },
      shows: { twingate: { users: { totalCount: 0 } }, netmaker: ABSENT },
    },
    {
      name: 'gets it back',
      by: {
        twingate: async (world, { id, member }) =>
          void (await payload(
            world,
            `groupUpdate(id: "${id}", addedUserIds: ["${gid('User', member.id)}"])`,
          )),
        netmaker: (world, { id, member }) => groupsOf(world, member, { [netmakerGroup(id)]: {} }),
      },
      shows: { twingate: { users: { totalCount: 1 } }, netmaker: { name: expectText(/^Renamed /u) } },
    },
  ],
  remove: {
    twingate: async (world, { id }) => void (await payload(world, `groupDelete(id: "${id}")`)),
    netmaker: async (world, { id }) =>
      void (await world.ask('DELETE', `/api/v1/users/group?group_id=${netmakerGroup(id)}`)),
  },
  read: {
    twingate: async (world, { id }) => {
      const { group: found } = await world.gql(
        'query($id: ID!) { group(id: $id) { name isActive users { totalCount } } }',
        { id },
      );
      return found ?? ABSENT;
    },
    // Groups hang on users there.
    netmaker: async (world, { member }) => {
      const answer = (await world.ask('GET', `/api/v1/users?username=${member.email}`)) as {
        Response: { user_group_ids: Record<string, unknown> };
      };
      return Object.values(answer.Response.user_group_ids)[0] ?? ABSENT;
    },
  },
};

export const network: Thing<{ readonly id: string }> = {
  word: 'network',
  create: {
    twingate: async (world, name) => {
      const { entity } = await payload(
        world,
        `remoteNetworkCreate(name: "${name}", location: AWS)`,
        'ok error entity { id }',
      );
      return entity;
    },
    netmaker: async (world, name) => {
      const made = (await world.ask('POST', '/api/networks', { netid: name })) as { id: string };
      return { id: gid('RemoteNetwork', integerOf(made.id)) };
    },
  },
  created: {
    twingate: { isActive: true, networkType: 'REGULAR' },
    netmaker: { netid: expectText(/^network\d+$/u) },
  },
  steps: [
    {
      name: 'is switched off',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `remoteNetworkUpdate(id: "${id}", isActive: false)`)),
      },
      shows: { twingate: { isActive: false } },
    },
  ],
  remove: {
    twingate: async (world, { id }) => void (await payload(world, `remoteNetworkDelete(id: "${id}")`)),
    netmaker: async (world, { id }) => {
      const networks = (await world.ask('GET', '/api/networks')) as Rows;
      const found = networks.find((one) => one.id === nodeUuid('network', integerOf(id)));
      await world.ask('DELETE', `/api/networks/${found?.netid}`);
    },
  },
  read: {
    netmaker: async (world, { id }) => {
      const networks = (await world.ask('GET', '/api/networks')) as Rows;
      return networks.find((one) => one.id === nodeUuid('network', integerOf(id))) ?? ABSENT;
    },
    twingate: async (world, { id }) => {
      const { remoteNetwork } = await world.gql(
        'query($id: ID!) { remoteNetwork(id: $id) { name isActive location networkType } }',
        { id },
      );
      return remoteNetwork ?? ABSENT;
    },
  },
};

interface DeviceRef {
  readonly id: number;
  readonly device: TestDevice;
  readonly watcher: TestDevice;
}

const changeDevice = (world: World, { id }: DeviceRef, what: string, body: unknown) =>
  world.ask('POST', `/api/v2/device/${id}/${what}`, body);

export const device: Thing<DeviceRef> = {
  word: 'device',
  create: {
    control: async (world, name) => {
      const watcher = await world.device(`watcher-${name}`);
      const made = await world.device(name);
      const row = await world.api.store.lookup('device', 'nodeKey', made.nodeKey());
      if (row === undefined) throw new Error('the device is not in the store');
      return { id: row.id, device: made, watcher };
    },
  },
  created: {
    tailscale: { authorized: true, user: 'owner@acme.test' },
    twingate: { activeState: 'ACTIVE', user: { email: 'owner@acme.test' } },
    netmaker: { status: 'online', nodes: [] },
    map: { online: true },
  },
  steps: [
    {
      name: 'is renamed',
      by: {
        tailscale: async (world, ref) =>
          void (await changeDevice(world, ref, 'name', { name: `renamed-${ref.id}` })),
      },
      shows: {
        tailscale: { name: expectText(/^renamed-\d+\./u) },
        twingate: { name: expectText(/^renamed-\d+$/u) },
        netmaker: { name: expectText(/^renamed-\d+$/u) },
        map: { name: expectText(/^renamed-\d+\./u) },
      },
    },
    {
      name: 'loses its authorization',
      by: {
        tailscale: async (world, ref) =>
          void (await changeDevice(world, ref, 'authorized', { authorized: false })),
      },
      shows: { tailscale: { authorized: false }, twingate: { activeState: 'ACTIVE' }, map: ABSENT },
    },
    {
      name: 'is authorized again',
      by: {
        tailscale: async (world, ref) =>
          void (await changeDevice(world, ref, 'authorized', { authorized: true })),
      },
      shows: { tailscale: { authorized: true }, map: { online: true } },
    },
  ],
  remove: { tailscale: async (world, { id }) => void (await world.ask('DELETE', `/api/v2/device/${id}`)) },
  read: {
    tailscale: async (world, { id }) => {
      const answer = await world.call('GET', `/api/v2/device/${id}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
    twingate: async (world, { id }) => {
      const { device: found } = await world.gql(
        'query($id: ID!) { device(id: $id) { name activeState user { email } } }',
        { id: gid('Device', id) },
      );
      return found ?? ABSENT;
    },
    netmaker: async (world, { id }) => {
      const hosts = (await world.ask('GET', '/api/hosts')) as Rows;
      return hosts.find((host) => host.id === nodeUuid('device', id)) ?? ABSENT;
    },
    map: async (_world, { device: shown, watcher }) => {
      const peer = [...watcher.netmap().peers.values()].find(({ Key }) => Key === shown.nodeKey());
      return peer === undefined ? ABSENT : { name: peer.Name, online: peer.Online };
    },
  },
};

export function expectText(pattern: RegExp): {
  readonly asymmetricMatch: (value: unknown) => boolean;
  readonly toString: () => string;
} {
  return {
    asymmetricMatch: (value) => typeof value === 'string' && pattern.test(value),
    toString: () => String(pattern),
  };
}
