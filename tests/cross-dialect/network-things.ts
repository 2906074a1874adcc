/** Gateways, resources and accesses, down to the packets that they open. */
import type { TestDevice } from '../client/index.ts';
import { seed } from '../support/seeds.ts';
import { expectText, payload, type Thing } from './things.ts';
import { ABSENT, gid, type World } from './world.ts';

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

export const gateway: Thing<GatewayRef> = {
  word: 'gateway',
  create: {
    twingate: async (world, name) => {
      const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
      return { id: await create(world, `connectorCreate(remoteNetworkId: "${network}", name: "${name}")`) };
    },
  },
  // It is there before its device.
  created: { twingate: { state: 'DEAD_NO_HEARTBEAT', hostname: null }, tailscale: ABSENT },
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
      },
    },
    {
      name: 'gets new tokens, which end the binding and leave the device',
      by: { twingate: async (world, { id }) => void (await tokenOf(world, id)) },
      shows: {
        twingate: { state: 'DEAD_NO_HEARTBEAT', hostname: null },
        tailscale: { user: 'tagged-devices' },
      },
    },
  ],
  remove: { twingate: async (world, { id }) => void (await payload(world, `connectorDelete(id: "${id}")`)) },
  read: {
    twingate: async (world, { id }) => {
      const { it } = await world.gql('query($id: ID!) { it: connector(id: $id) { state hostname } }', { id });
      return it ?? ABSENT;
    },
    tailscale: async (world, { device }) => {
      if (device === undefined) return ABSENT;
      const answer = await world.call('GET', `/api/v2/device/${device.id}`);
      return answer.status === 404 ? ABSENT : answer.json();
    },
  },
};

export const resource: Thing<{ readonly id: string }> = {
  word: 'resource',
  create: {
    twingate: async (world, name) => {
      const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
      return {
        id: await create(
          world,
          `resourceCreate(name: "${name}", address: "10.7.0.0/24", remoteNetworkId: "${network}")`,
        ),
      };
    },
  },
  created: { twingate: { isActive: true, address: { type: 'IP' } } },
  steps: [
    {
      name: 'is switched off',
      by: {
        twingate: async (world, { id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: false)`)),
      },
      shows: { twingate: { isActive: false } },
    },
  ],
  remove: { twingate: async (world, { id }) => void (await payload(world, `resourceDelete(id: "${id}")`)) },
  read: {
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
}

const grant = (world: World, { resource: id, group }: AccessRef) =>
  payload(world, `resourceAccessAdd(resourceId: "${id}", access: [{principalId: "${group}"}])`);

let nextNetwork = 0;

export const accessEdge: Thing<AccessRef> = {
  word: 'access edge',
  create: {
    twingate: async (world, name) => {
      nextNetwork += 1;
      const address = `10.8.${nextNetwork}.5`;
      const label = name.replaceAll(' ', '-');
      const network = await create(world, `remoteNetworkCreate(name: "${name} net")`);
      const connector = await create(
        world,
        `connectorCreate(remoteNetworkId: "${network}", name: "${name}")`,
      );
      const device = await world.join(`gw-${label}`, await tokenOf(world, connector));
      const { member, token } = await world.member('admin', label);
      const laptop = await world.device(`laptop-${label}`, token);
      const group = await create(
        world,
        `groupCreate(name: "${name}", userIds: ["${gid('User', member.id)}"])`,
      );
      const made = await create(
        world,
        `resourceCreate(name: "${name}", address: "${address}", remoteNetworkId: "${network}")`,
      );
      const ref = { resource: made, group, address, gateway: device, member: laptop };
      await grant(world, ref);
      return ref;
    },
  },
  created: { twingate: { totalCount: 1 }, map: { routes: true } },
  steps: [
    {
      name: 'closes with its resource',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: false)`)),
      },
      shows: { twingate: { totalCount: 1 }, map: ABSENT },
    },
    {
      name: 'opens with it again',
      by: {
        twingate: async (world, { resource: id }) =>
          void (await payload(world, `resourceUpdate(id: "${id}", isActive: true)`)),
      },
      shows: { twingate: { totalCount: 1 }, map: { routes: true } },
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
    map: async (_world, { member, gateway: device, address }) => {
      const peer = [...member.netmap().peers.values()].find(({ Key }) => Key === device.nodeKey());
      const routes = peer?.AllowedIPs?.includes(`${address}/32`) === true;
      return routes ? { routes } : ABSENT;
    },
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
