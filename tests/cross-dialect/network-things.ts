/** Gateways, resources and accesses, down to the packets that they open. */

import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import { createAccessRequestService } from '../../src/domain/access-requests/access-request-service.ts';
import type { TestDevice } from '../client/index.ts';
import { seed } from '../support/seeds.ts';
import { expectText, payload, type Rows, type Thing } from './things.ts';
import { ABSENT, gid, integerOf, nodeUuid, type World } from './world.ts';

interface GatewayRef {
  readonly id: string;
  device?: { readonly id: number; readonly device: TestDevice };
}

const create = async (world: World, mutation: string): Promise<string> =>
  (await payload(world, mutation, 'ok error entity { id }')).entity.id;

const tokenOf = async (world: World, connector: string): Promise<string> => {
  const { it } = await world.gql(
    `mutation { it: connectorGenerateTokens(connectorId: "${connector}") { connectorTokens { accessToken } } }`,
  );
  return it.connectorTokens.accessToken;
};

const rowOf = async (world: World, device: TestDevice): Promise<number> => {
  const row = await world.api.store.lookup('device', 'nodeKey', device.nodeKey());
  if (row === undefined) throw new Error('the device is not in the store');
  return row.id;
};

/** A node of any network, as the Netmaker API lists it. */
const nodeOf = async (world: World, gatewayId: string): Promise<unknown> => {
  const nodes = (await world.ask('GET', '/api/nodes')) as Rows;
  return nodes.find(({ id }) => id === nodeUuid('gateway', integerOf(gatewayId))) ?? ABSENT;
};

export const gateway: Thing<GatewayRef> = {
  word: 'gateway',
  create: {
    twingate: async (world, name) => {
      const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
      return { id: await create(world, `connectorCreate(remoteNetworkId: "${network}", name: "${name}")`) };
    },
  },
  // It is there before its device.
  created: {
    twingate: { state: 'DEAD_NO_HEARTBEAT', hostname: null },
    tailscale: ABSENT,
    netmaker: ABSENT,
  },
  steps: [
    {
      name: 'is joined by its device',
      by: {
        control: async (world, ref) => {
          const device = await world.join(`connector-${ref.id.slice(0, 8)}`, await tokenOf(world, ref.id));
          ref.device = { id: await rowOf(world, device), device };
        },
      },
      shows: {
        twingate: { state: 'ALIVE', hostname: expectText(/^connector-/u) },
        tailscale: { user: 'tagged-devices', connectedToControl: true },
        netmaker: { is_gw: true, status: 'online' },
      },
    },
    {
      name: 'gets new tokens, which end the binding and leave the device',
      by: { twingate: async (world, { id }) => void (await tokenOf(world, id)) },
      shows: {
        twingate: { state: 'DEAD_NO_HEARTBEAT', hostname: null },
        tailscale: { user: 'tagged-devices' },
        netmaker: { is_gw: true, status: 'offline' },
      },
    },
  ],
  remove: { twingate: async (world, { id }) => void (await payload(world, `connectorDelete(id: "${id}")`)) },
  read: {
    twingate: async (world, { id }) => {
      const { it } = await world.gql('query($id: ID!) { it: connector(id: $id) { state hostname } }', { id });
      return it ?? ABSENT;
    },
    netmaker: (world, { id }) => nodeOf(world, id),
    tailscale: async (world, { device }) => {
      if (device === undefined) return ABSENT;
      const answer = await world.call('GET', `/api/v2/device/${device.id}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
  },
};

interface HostGatewayRef {
  readonly id: string;
  /** By its slug. */
  readonly network: string;
}

const makeHostGateway = async (world: World, name: string): Promise<HostGatewayRef> => {
  const network = `${name}-host`;
  const device = await world.device(`${name}-machine`);
  await world.ask('POST', '/api/networks', { netid: network });
  const host = nodeUuid('device', await rowOf(world, device));
  await world.ask('POST', `/api/hosts/${host}/networks/${network}`);
  const [node] = (await world.ask('GET', `/api/nodes/${network}`)) as Rows;
  return { id: gid('Connector', integerOf(String(node?.id))), network };
};

/** A gateway that a device became which was there before. */
export const hostGateway: Thing<HostGatewayRef> = {
  word: 'gateway',
  create: { netmaker: makeHostGateway },
  created: {
    twingate: { state: 'ALIVE', hostname: expectText(/-machine$/u) },
    netmaker: { is_gw: true, status: 'online' },
  },
  steps: [],
  remove: {
    netmaker: async (world, { id, network: slug }) =>
      void (await world.ask('DELETE', `/api/nodes/${slug}/${nodeUuid('gateway', integerOf(id))}/gateway`)),
    twingate: async (world, { id }) => void (await payload(world, `connectorDelete(id: "${id}")`)),
  },
  read: {
    twingate: async (world, { id }) => {
      const { it } = await world.gql('query($id: ID!) { it: connector(id: $id) { state hostname } }', { id });
      return it ?? ABSENT;
    },
    netmaker: (world, { id }) => nodeOf(world, id),
  },
};

const egressOf = async (
  world: World,
  { id, network: slug }: ResourceRef,
): Promise<Rows[number] | undefined> => {
  const { Response } = (await world.ask('GET', `/api/v1/egress?network=${slug}`)) as { Response: Rows };
  return Response.find((one) => one.id === nodeUuid('resource', integerOf(id)));
};

interface ResourceRef {
  readonly id: string;
  /** By its slug. */
  readonly network: string;
}

export const resource: Thing<ResourceRef> = {
  word: 'resource',
  create: {
    twingate: async (world, name) => {
      const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
      return {
        id: await create(
          world,
          `resourceCreate(name: "${name}", address: "10.7.0.0/24", remoteNetworkId: "${network}")`,
        ),
        network: `${name}-net`,
      };
    },
    netmaker: async (world, name) => {
      const network = `${name}-net`;
      await world.ask('POST', '/api/networks', { netid: network });
      const body = { name, network, range: '10.7.0.0/24', nat: true };
      const { Response } = (await world.ask('POST', '/api/v1/egress', body)) as { Response: { id: string } };
      return { id: gid('Resource', integerOf(Response.id)), network };
    },
  },
  created: {
    twingate: { isActive: true, address: { type: 'IP' } },
    netmaker: { range: '10.7.0.0/24', status: true },
  },
  steps: [
    {
      name: 'is switched off',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: false)`)),
        netmaker: async (world, ref) =>
          void (await world.ask('PUT', '/api/v1/egress', { ...(await egressOf(world, ref)), status: false })),
      },
      shows: { twingate: { isActive: false }, netmaker: { status: false } },
    },
  ],
  remove: {
    twingate: async (world, { id }) => void (await payload(world, `resourceDelete(id: "${id}")`)),
    netmaker: async (world, { id }) =>
      void (await world.ask('DELETE', `/api/v1/egress?id=${nodeUuid('resource', integerOf(id))}`)),
  },
  read: {
    netmaker: async (world, ref) => (await egressOf(world, ref)) ?? ABSENT,
    twingate: async (world, { id }) => {
      const { it } = await world.gql(
        'query($id: ID!) { it: resource(id: $id) { isActive address { type } } }',
        { id },
      );
      return it ?? ABSENT;
    },
  },
};

interface AccessRef {
  readonly resource: string;
  readonly group: string;
  readonly address: string;
  readonly gateway: TestDevice;
  readonly member: TestDevice;
  /** The gateway's id, and who gets access. */
  readonly connector: string;
  readonly username: string;
}

const grant = (world: World, { resource: id, group }: AccessRef) =>
  payload(world, `resourceAccessAdd(resourceId: "${id}", access: [{principalId: "${group}"}])`);

let nextNetwork = 0;

/** A resource behind a gateway that is there, a person with a device, and the group through which they may have access. */
async function plant(world: World, name: string): Promise<AccessRef & { readonly person: number }> {
  nextNetwork += 1;
  const address = `10.8.${nextNetwork}.5`;
  const label = name.replaceAll(' ', '-');
  const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
  const connector = await create(world, `connectorCreate(remoteNetworkId: "${network}", name: "${name}")`);
  const device = await world.join(`gw-${label}`, await tokenOf(world, connector));
  const { member, token } = await world.member('admin', label);
  const laptop = await world.device(`laptop-${label}`, token);
  const group = await create(world, `groupCreate(name: "${name}", userIds: ["${gid('User', member.id)}"])`);
  const made = await create(
    world,
    `resourceCreate(name: "${name}", address: "${address}", remoteNetworkId: "${network}")`,
  );
  return {
    ...{ resource: made, group, address, gateway: device, member: laptop, connector },
    ...{ person: member.id, username: member.username },
  };
}

async function opened(world: World, name: string): Promise<AccessRef> {
  const ref = await plant(world, name);
  await grant(world, ref);
  return ref;
}

const carried = (of: AccessRef): { readonly routes: true } | typeof ABSENT => {
  const { member, gateway: device, address } = of;
  const peer = [...member.netmap().peers.values()].find(({ Key }) => Key === device.nodeKey());
  return peer?.AllowedIPs?.includes(`${address}/32`) === true ? { routes: true } : ABSENT;
};

export const accessEdge: Thing<AccessRef> = {
  word: 'access edge',
  create: { twingate: opened },
  created: { twingate: { totalCount: 1 }, netmaker: { platform_role_id: 'admin' }, map: { routes: true } },
  steps: [
    {
      name: 'closes with its resource',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: false)`)),
      },
      shows: { twingate: { totalCount: 1 }, netmaker: ABSENT, map: ABSENT },
    },
    {
      name: 'opens with it again',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: true)`)),
      },
      shows: {
        twingate: { totalCount: 1 },
        netmaker: { platform_role_id: 'admin' },
        map: { routes: true },
      },
    },
  ],
  remove: {
    twingate: async (world, { resource: id, group }) =>
      void (await payload(world, `resourceAccessRemove(resourceId: "${id}", principalIds: ["${group}"])`)),
  },
  read: {
    twingate: async (world, { resource: id }) => {
      const { it } = await world.gql('query($id: ID!) { it: resource(id: $id) { access { totalCount } } }', {
        id,
      });
      return it.access.totalCount === 0 ? ABSENT : it.access;
    },
    // Among the users of the gateway that leads there.
    netmaker: async (world, { connector, username }) => {
      const node = nodeUuid('gateway', integerOf(connector));
      const { users } = (await world.ask('GET', `/api/users/ingress/${node}`)) as { users: Rows | null };
      return users?.find((user) => user.username === username) ?? ABSENT;
    },
    map: async (_world, ref) => carried(ref),
  },
};

/** What the gateway of a resource carries for it, as the details of its device show it. */
async function managedBy(world: World, { gateway: carrier, address }: AccessRef): Promise<unknown> {
  const id = await rowOf(world, carrier);
  const { managedRoutes = [] } = (await world.ask('GET', `/api/v2/device/${id}?fields=all`)) as {
    managedRoutes?: readonly string[];
  };
  return managedRoutes.includes(`${address}/32`) ? { managed: true } : ABSENT;
}

/** A resource that somebody may reach: its gateway routes it, and people who enable routes have nothing to do with that. */
export const servedResource: Thing<AccessRef> = {
  word: 'resource',
  create: { twingate: (world, name) => opened(world, `served ${name}`) },
  created: { twingate: { isActive: true }, tailscale: { managed: true }, map: { routes: true } },
  steps: [
    {
      name: 'is switched off',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: false)`)),
      },
      shows: { twingate: { isActive: false }, tailscale: ABSENT, map: ABSENT },
    },
    {
      name: 'is switched on',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: true)`)),
      },
      shows: { twingate: { isActive: true }, tailscale: { managed: true }, map: { routes: true } },
    },
  ],
  remove: {
    twingate: async (world, { resource: id }) => void (await payload(world, `resourceDelete(id: "${id}")`)),
    netmaker: async (world, { resource: id }) =>
      void (await world.ask('DELETE', `/api/v1/egress?id=${nodeUuid('resource', integerOf(id))}`)),
  },
  read: {
    twingate: async (world, { resource: id }) => {
      const { it } = await world.gql('query($id: ID!) { it: resource(id: $id) { isActive } }', { id });
      return it ?? ABSENT;
    },
    tailscale: managedBy,
    map: async (_world, ref) => carried(ref),
  },
};

/** A policy that groups are given. The API makes them and gives them away, and has no way to delete one. */
export const securityPolicy: Thing<{ readonly id: string }> = {
  word: 'policy',
  create: {
    twingate: async (world, name) => ({ id: await create(world, `securityPolicyCreate(name: "${name}")`) }),
  },
  created: { twingate: { policyType: 'RESOURCE', groups: { totalCount: 0 } } },
  steps: [
    {
      name: 'is given to a group',
      by: {
        twingate: async (world, { id }) => {
          const group = await create(world, `groupCreate(name: "under ${id}")`);
          await payload(world, `securityPolicyUpdate(id: "${id}", addedGroupIds: ["${group}"])`);
        },
      },
      shows: { twingate: { groups: { totalCount: 1 } } },
    },
    {
      name: 'is taken from it',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `securityPolicyUpdate(id: "${id}", groupIds: [])`)),
      },
      shows: { twingate: { groups: { totalCount: 0 } } },
    },
  ],
  remove: {
    domain: async ({ api }, { id }) => {
      const org = api.organization.id;
      const row = Number(Buffer.from(id, 'base64').toString().split(':')[1]);
      await seed(api.store, org, (tx) => tx.remove('securityPolicy', org, row));
    },
  },
  read: {
    twingate: async (world, { id }) => {
      const { it } = await world.gql(
        'query($id: ID!) { it: securityPolicy(id: $id) { policyType groups { totalCount } } }',
        { id },
      );
      return it ?? ABSENT;
    },
  },
};

interface ClientRef {
  readonly clientid: string;
  readonly network: string;
  readonly owner: { readonly id: number; readonly nano: string; readonly username: string };
}

/** A plain WireGuard client is shown by one dialect alone, and follows its owner in all. */
export const externalClient: Thing<ClientRef> = {
  word: 'external client',
  create: {
    netmaker: async (world, name) => {
      const label = name.replaceAll(' ', '-');
      const { id, network: slug } = await makeHostGateway(world, label);
      const { member, token } = await world.member('device-user', label);
      await world.ask('PUT', `/api/v1/users/add_network_user?username=${member.username}&network_id=${slug}`);
      const path = `/api/extclients/${slug}/${nodeUuid('gateway', integerOf(id))}`;
      const answer = await world.call('POST', path, { clientid: label.slice(-32) }, token);
      if (answer.status !== 200) throw new Error(answer.text);
      const owner = { id: member.id, nano: member.nano, username: member.username };
      return { clientid: String(answer.json().clientid), network: slug, owner };
    },
  },
  created: { netmaker: { enabled: true, ownerid: expectText(/@acme\.test$/u) } },
  steps: [
    {
      name: 'is switched off with its owner',
      by: {
        netmaker: async (world, { owner }) =>
          void (await world.ask('POST', `/api/users/${owner.username}/disable?force_disable_configs=true`)),
        tailscale: async (world, { owner }) =>
          void (await world.ask('POST', `/api/v2/users/${owner.id}/suspend`)),
        twingate: async (world, { owner }) =>
          void (await payload(world, `userDetailsUpdate(id: "${gid('User', owner.id)}", state: DISABLED)`)),
        keycard: async (world, { owner }) => {
          const path = `/organizations/acme/users/${owner.nano}`;
          const answer = await world.call('PATCH', path, { status: 'disabled' });
          if (answer.status !== 200) throw new Error(answer.text);
        },
      },
      shows: { netmaker: { enabled: false } },
    },
    {
      name: 'is back with its owner',
      by: {
        netmaker: async (world, { owner }) =>
          void (await world.ask('POST', `/api/users/${owner.username}/enable`)),
        tailscale: async (world, { owner }) =>
          void (await world.ask('POST', `/api/v2/users/${owner.id}/restore`)),
      },
      shows: { netmaker: { enabled: true } },
    },
  ],
  remove: {
    netmaker: async (world, { clientid, network: slug }) =>
      void (await world.ask('DELETE', `/api/extclients/${slug}/${clientid}`)),
    tailscale: async (world, { owner }) => void (await world.ask('POST', `/api/v2/users/${owner.id}/delete`)),
    twingate: async (world, { owner }) =>
      void (await payload(world, `userDelete(id: "${gid('User', owner.id)}")`)),
  },
  read: {
    netmaker: async (world, { clientid }) => {
      const clients = (await world.ask('GET', '/api/extclients')) as Rows;
      return clients.find((client) => client.clientid === clientid) ?? ABSENT;
    },
  },
};
type RequestRef = AccessRef & { readonly id: string };

export const accessRequest: Thing<RequestRef> = {
  word: 'access request',
  create: {
    domain: async (world, name) => {
      const ref = await plant(world, name);
      await payload(
        world,
        `resourceAccessAdd(resourceId: "${ref.resource}", access: [{principalId: "${ref.group}", accessPolicy: {mode: ACCESS_REQUEST, durationSeconds: 3600}, approvalMode: MANUAL}])`,
      );
      const { store, organization, owner } = world.api;
      const { id } = await createAccessRequestService({ store }).create(
        {
          kind: 'member',
          org: organization.id,
          membership: owner.id,
          name,
          role: 'owner',
          credential: null,
          permissions: permissionsOfRole('owner'),
        },
        { resource: rowIdOf(ref.resource), membership: ref.person, reason: 'a look' },
        'native-api',
      );
      return { ...ref, id: gid('AccessRequest', id) };
    },
  },
  created: { twingate: { status: 'PENDING', reason: 'a look' }, map: ABSENT },
  steps: [
    {
      name: 'is approved, which opens the access',
      by: {
        twingate: async (world, { id }) => void (await payload(world, `accessRequestApprove(id: "${id}")`)),
      },
      shows: { twingate: { status: 'APPROVED' }, map: { routes: true } },
    },
  ],
  remove: {
    twingate: async (world, { resource: id }) => void (await payload(world, `resourceDelete(id: "${id}")`)),
  },
  read: {
    twingate: async (world, { id }) => {
      const { it } = await world.gql('query($id: ID!) { it: accessRequest(id: $id) { status reason } }', {
        id,
      });
      return it ?? ABSENT;
    },
    map: async (_world, ref) => carried(ref),
  },
};

const rowIdOf = (globalId: string): number =>
  Number(Buffer.from(globalId, 'base64').toString().split(':')[1]);
