/**
 * The roles and groups that every network has: its administrators and its users, and those of all networks. They exist as
 * rows from the moment that somebody is put in or a group is given the role; until then they are only shown.
 */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { removeEach } from '../directory/each-row.ts';
import { missing } from '../directory/missing.ts';
import type { Network } from '../model/networks.ts';
import type { Group, NetworkRole } from '../model/people.ts';
import { removeEdge } from '../networks/edges.ts';
import type { Tx } from '../ports/store.ts';
import {
  accessOfRank,
  type BuiltIn,
  builtInRoleKey,
  type NetworkRank,
  networkGroupKey,
  parseBuiltInRole,
  parseNetworkGroup,
} from './network-access.ts';
import { insertSystemGroup } from './system-group.ts';

/** In `groupNetworkRole`: on all networks. */
export const ALL_NETWORKS = 0;

/** A group by its id, or one of a network by its literal name. */
export type GroupRef = number | string;

type Place = Pick<Network, 'id' | 'slug'> | null;

/** The network of a literal name; undefined when there is none, null for all networks. */
async function placeOf(tx: Tx, org: number, { slug }: BuiltIn): Promise<Place | undefined> {
  if (slug === null) return null;
  const [network] = await tx.find('network', org, { slug }, 1);
  return network;
}

/** The built-in role of a network (null: of all), made when it is first needed. */
export async function ensureNetworkRole(
  tx: Tx,
  org: number,
  network: Place,
  rank: NetworkRank,
): Promise<NetworkRole> {
  const key = builtInRoleKey(network?.slug ?? null, rank);
  const [present] = await tx.find('networkRole', org, { key }, 1);
  if (present !== undefined) return present;
  const role = await tx.insert('networkRole', {
    org,
    id: tx.newId(),
    network: network?.id ?? null,
    key,
    // Shown by another name; this one can be nobody else's.
    name: key,
    fullAccess: rank === 'admin',
    access: accessOfRank(rank),
    builtIn: true,
  });
  auditRole(tx, role);
  return role;
}

/** The group of a network's administrators or users (null: of all networks), made when it is first needed. */
export async function ensureNetworkGroup(
  tx: Tx,
  actor: Actor,
  network: Place,
  rank: NetworkRank,
): Promise<Group> {
  const { org } = actor;
  const systemKey = networkGroupKey(network?.slug ?? null, rank);
  const [present] = await tx.find('group', org, { systemKey }, 1);
  if (present !== undefined) return present;
  const role = await ensureNetworkRole(tx, org, network, rank);
  const group = await insertSystemGroup(tx, actor, {
    org,
    systemKey,
    name: networkGroupName(network?.slug ?? null, rank),
  });
  await tx.insert('groupNetworkRole', {
    org,
    group: group.id,
    network: network?.id ?? ALL_NETWORKS,
    networkRole: role.id,
  });
  tx.audit(org, { verb: 'create', objectKind: 'group', objectId: group.id, objectName: group.name });
  return group;
}

const TITLES: Readonly<Record<NetworkRank, string>> = { admin: 'Admin', user: 'User' };

/** @param slug the network's, or null for all networks */
export const networkGroupName = (slug: string | null, rank: NetworkRank): string =>
  slug === null ? `All Networks ${TITLES[rank]} Group` : `${slug} ${TITLES[rank]} Group`;
export const builtInRoleName = (slug: string | null, rank: NetworkRank): string =>
  slug === null ? `Network ${TITLES[rank]}s` : `${slug} ${TITLES[rank]}`;

/** The ids of groups by their names; those of networks are made if need be. Errors: `not_found`. */
export async function resolveGroups(tx: Tx, actor: Actor, refs: readonly GroupRef[]): Promise<number[]> {
  const ids: number[] = [];
  for (const ref of refs) {
    if (typeof ref === 'number') ids.push(ref);
    else {
      const parsed = parseNetworkGroup(ref);
      const place = parsed === undefined ? undefined : await placeOf(tx, actor.org, parsed);
      if (parsed === undefined || place === undefined) throw missing('group', 0);
      ids.push((await ensureNetworkGroup(tx, actor, place, parsed.rank)).id);
    }
  }
  return ids;
}

/** A network role by its key; built-in ones are made if need be. Undefined when there is none. */
export async function findNetworkRole(tx: Tx, org: number, key: string): Promise<NetworkRole | undefined> {
  const [stored] = await tx.find('networkRole', org, { key }, 1);
  if (stored !== undefined) return stored;
  const parsed = parseBuiltInRole(key);
  const place = parsed === undefined ? undefined : await placeOf(tx, org, parsed);
  return parsed === undefined || place === undefined
    ? undefined
    : ensureNetworkRole(tx, org, place, parsed.rank);
}

/** The literal name of the group of those to whom one role was given on one network, and not through a group of their own. */
export const roleGroupKey = (role: number, network: number): string => `role-${role}-${network}-users`;

/** What a group held is gone, and with it the group if that was all that it is for. */
async function removeHeld(
  tx: Tx,
  held: {
    readonly org: number;
    readonly group: number;
    readonly network: number;
    readonly networkRole: number;
  },
): Promise<void> {
  const { org } = held;
  const group = await tx.get('group', org, held.group);
  if (group?.systemKey === roleGroupKey(held.networkRole, held.network)) await removeGroupRows(tx, group);
  else await tx.remove('groupNetworkRole', org, held);
}

/** With a network go its groups, the roles on it, and what groups held on it. */
export async function removeNetworkGroups(tx: Tx, { org, id, slug }: Network): Promise<void> {
  for (const rank of ['admin', 'user'] as const) {
    const [group] = await tx.find('group', org, { systemKey: networkGroupKey(slug, rank) }, 1);
    if (group !== undefined) await removeGroupRows(tx, group);
  }
  for (const role of await tx.find('networkRole', org, { network: id })) await removeRoleRows(tx, role);
  for (const held of await tx.find('groupNetworkRole', org, { network: id })) await removeHeld(tx, held);
}

/** A role with all that names it. The audit event is the caller's. */
export async function removeRoleRows(tx: Tx, { org, id }: NetworkRole): Promise<void> {
  for (const held of await tx.find('groupNetworkRole', org, { networkRole: id })) await removeHeld(tx, held);
  await tx.remove('networkRoleNetmaker', org, { networkRole: id });
  await tx.remove('networkRole', org, id);
}

/** A group with all that hangs on it. The audit event is the caller's. */
export async function removeGroupRows(tx: Tx, { org, id }: Pick<Group, 'org' | 'id'>): Promise<void> {
  for (const edge of await tx.find('accessEdge', org, { principalKind: 'group', principal: id })) {
    await removeEdge(tx, edge);
  }
  await removeEach(tx, 'groupMember', org, { group: id });
  await removeEach(tx, 'groupNetworkRole', org, { group: id });
  await removeEach(tx, 'resourceApprover', org, { group: id });
  await tx.remove('dnsFilterGroup', org, { group: id });
  await tx.remove('groupNetmaker', org, { group: id });
  await tx.remove('group', org, id);
}

function auditRole(tx: Tx, role: NetworkRole): void {
  tx.audit(role.org, {
    verb: 'create',
    objectKind: 'networkRole',
    objectId: role.id,
    objectName: role.key,
    ...(role.network === null ? {} : { network: role.network }),
  });
}

export const unknownRole = (role: string): AppError =>
  new AppError('invalid', `invalid network role ${role}`, { field: 'network_roles' });
