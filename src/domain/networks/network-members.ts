/**
 * People put into networks one by one: into the group of a network's users, or attached to one of its gateways, which is
 * membership of that gateway's hidden group. Both open the network as any role on it does.
 *
 * Errors of all: `forbidden`, `not_found`.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, notFound } from '../../kernel/errors.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import { revokePersonalTokens } from '../credentials/held-credentials.ts';
import { requireRow } from '../directory/missing.ts';
import { removeExtClient } from '../ext-clients/client-removal.ts';
import {
  ALL_NETWORKS,
  ensureNetworkGroup,
  ensureNetworkRole,
  removeGroupRows,
} from '../groups/network-groups.ts';
import type { NetworkPermissions } from '../groups/network-permissions.ts';
import { insertSystemGroup } from '../groups/system-group.ts';
import type { Gateway, Network } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Group, Membership } from '../model/people.ts';
import type { Store, Tx } from '../ports/store.ts';
import { membersReaching } from './network-reach.ts';

export interface NetworkMembers {
  /** `not_found` for a gateway without a device. */
  attach(actor: Actor, member: number, gateway: number, origin: AuditOrigin): Promise<void>;
  /** With the member's clients on the gateway. A gateway that is not there is none that anybody is attached to. */
  detach(actor: Actor, member: number, gateway: number, origin: AuditOrigin): Promise<void>;
  /** In or out of the group of the network's users. Whoever administrates the network may. */
  setUser(actor: Actor, member: number, network: Network, isIn: boolean, origin: AuditOrigin): Promise<void>;
  /** A member by user name, for whoever may fill the network. */
  userOf(actor: Actor, network: Network, username: string): Promise<Membership>;
  /** The groups that a member was put in. */
  groupsOf(member: Membership): Promise<readonly Group[]>;
  /** Who reaches something in the network, whose groups hold a role on it, and who administrates the organization. */
  list(actor: Actor, network: Network): Promise<readonly Membership[]>;
  /** Users of devices (nothing more) whom no group of theirs puts into the network. */
  unassigned(actor: Actor, network: Network): Promise<readonly Membership[]>;
}

const MANY = 100_000;

const denied = (): AppError => new AppError('forbidden', 'access denied');

const gatewayGroupKey = (gateway: number): string => `gw-${gateway}-users`;

/** The gateway's hidden group, made when somebody is attached. */
async function ensureGatewayGroup(tx: Tx, actor: Actor, gateway: Gateway): Promise<Group> {
  const { org } = gateway;
  const systemKey = gatewayGroupKey(gateway.id);
  const [present] = await tx.find('group', org, { systemKey }, 1);
  if (present !== undefined) return present;
  const network = await requireRow(tx, 'network', org, gateway.network);
  const role = await ensureNetworkRole(tx, org, network, 'user');
  const group = await insertSystemGroup(tx, actor, {
    org,
    systemKey,
    name: `Users of the gateway ${gateway.name}`,
  });
  await tx.insert('groupNetworkRole', { org, group: group.id, network: network.id, networkRole: role.id });
  tx.audit(org, {
    verb: 'create',
    objectKind: 'group',
    objectId: group.id,
    objectName: group.name,
    network: network.id,
  });
  return group;
}

/** Its hidden group goes with a gateway. */
export async function removeGatewayGroup(tx: Tx, { org, id }: Pick<Gateway, 'org' | 'id'>): Promise<void> {
  const [group] = await tx.find('group', org, { systemKey: gatewayGroupKey(id) }, 1);
  if (group === undefined) return;
  await removeGroupRows(tx, group);
  tx.audit(org, { verb: 'delete', objectKind: 'group', objectId: group.id, objectName: group.name });
}

async function setMember(
  tx: Tx,
  group: Group,
  { org, id }: Membership,
  isIn: boolean,
  network: number,
): Promise<void> {
  const [present] = await tx.find('groupMember', org, { group: group.id, membership: id }, 1);
  if ((present !== undefined) === isIn) return;
  if (isIn) await tx.insert('groupMember', { org, group: group.id, membership: id, source: 'manual' });
  else await tx.remove('groupMember', org, { group: group.id, membership: id });
  // Personal access tokens were given for what their owner was then.
  await revokePersonalTokens(tx, org, [id]);
  tx.audit(org, {
    verb: 'update',
    objectKind: 'group',
    objectId: group.id,
    objectName: group.name,
    network,
    field: 'members',
    after: isIn ? { added: [id] } : { removed: [id] },
  });
}

const isUser = ({ joinedAt, approvedAt }: Membership): boolean => joinedAt !== null && approvedAt !== null;
const byUsername = (a: Membership, b: Membership): number => (a.username < b.username ? -1 : 1);

export function createNetworkMembers({
  store,
  clock,
  permissions,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly permissions: NetworkPermissions;
}): NetworkMembers {
  const requireMayFill = async (actor: Actor, network: Network): Promise<void> => {
    const what = { thing: 'member', verb: 'update' } as const;
    if ((await permissions.reach(actor, network.id, what, 'networks:write')) !== 'all') {
      throw denied();
    }
  };

  return {
    attach: async (actor, memberId, gatewayId, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', org, memberId);
        const gateway = await requireRow(tx, 'gateway', org, gatewayId);
        await setMember(tx, await ensureGatewayGroup(tx, actor, gateway), member, true, gateway.network);
      });
    },

    detach: async (actor, memberId, gatewayId, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', org, memberId);
        const gateway = await tx.get('gateway', org, gatewayId);
        if (gateway === undefined) return;
        const [group] = await tx.find('group', org, { systemKey: gatewayGroupKey(gateway.id) }, 1);
        if (group !== undefined) await setMember(tx, group, member, false, gateway.network);
        const clients = { ownerKind: 'membership', owner: member.id, gateway: gateway.id } as const;
        for (const client of await tx.find('extClient', org, clients)) await removeExtClient(tx, client);
      });
    },

    setUser: async (actor, memberId, network, isIn, origin) => {
      await requireMayFill(actor, network);
      await store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', actor.org, memberId);
        await setMember(tx, await ensureNetworkGroup(tx, actor, network, 'user'), member, isIn, network.id);
      });
    },

    userOf: async (actor, network, username) => {
      await requireMayFill(actor, network);
      const [member] = await store.find('membership', actor.org, { usernameKey: normalizeKey(username) }, 1);
      if (member === undefined || !isUser(member)) throw notFound('user');
      return member;
    },

    groupsOf: async ({ org, id }) => {
      const links = await store.find('groupMember', org, { membership: id }, MANY);
      return store.find('group', org, { id: links.map(({ group }) => group) }, MANY);
    },

    unassigned: async (actor, network) => {
      await requireMayFill(actor, network);
      const { org } = actor;
      const held = await store.find('groupNetworkRole', org, { network: network.id }, MANY);
      const links = await store.find('groupMember', org, { group: held.map(({ group }) => group) }, MANY);
      const assigned = new Set(links.map(({ membership }) => membership));
      const users = await store.find('membership', org, { role: 'device-user' }, MANY);
      return users.filter((user) => isUser(user) && !assigned.has(user.id)).sort(byUsername);
    },

    list: async (actor, network) => {
      const what = { thing: 'member', verb: 'read' } as const;
      if ((await permissions.reach(actor, network.id, what, 'members:read')) !== 'all') throw denied();
      const { org } = actor;
      const reaching = await membersReaching(store, network, clock.now());
      const members = new Map<number, Membership>();
      const add = async (where: Partial<Pick<Membership, 'role'>> | { readonly id: readonly number[] }) => {
        for (const member of await store.find('membership', org, where, MANY)) members.set(member.id, member);
      };
      if (reaching === undefined) await add({});
      else {
        const held = await store.find('groupNetworkRole', org, { network: [ALL_NETWORKS, network.id] }, MANY);
        const links = await store.find('groupMember', org, { group: held.map(({ group }) => group) }, MANY);
        await add({ id: [...new Set([...reaching, ...links.map(({ membership }) => membership)])] });
        for (const role of ADMINISTRATIVE_ROLES) await add({ role });
      }
      return [...members.values()].filter(isUser).sort(byUsername);
    },
  };
}
