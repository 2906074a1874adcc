/**
 * Groups through which somebody holds a network role that was given to them and not to a group: roles hang on groups alone.
 * A network's own role is given through the network's own group, any other through one group for each network and role.
 */
import type { Actor } from '../access/actor.ts';
import { requireRow } from '../directory/missing.ts';
import type { Group } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { type GroupNetworkRole, type Held, resolveNetworkRoles } from './group-network-roles.ts';
import { parseBuiltInRole } from './network-access.ts';
import { ALL_NETWORKS, ensureNetworkGroup, roleGroupKey } from './network-groups.ts';
import { insertSystemGroup } from './system-group.ts';

async function ensureRoleGroup(tx: Tx, actor: Actor, { network: place, networkRole }: Held): Promise<Group> {
  const { org } = actor;
  const network = place === ALL_NETWORKS ? null : await requireRow(tx, 'network', org, place);
  const role = await requireRow(tx, 'networkRole', org, networkRole);
  const builtIn = role.builtIn ? parseBuiltInRole(role.key) : undefined;
  if (builtIn !== undefined && role.network === (network?.id ?? null)) {
    return ensureNetworkGroup(tx, actor, network, builtIn.rank);
  }
  const systemKey = roleGroupKey(role.id, place);
  const [present] = await tx.find('group', org, { systemKey }, 1);
  if (present !== undefined) return present;
  const group = await insertSystemGroup(tx, actor, {
    org,
    systemKey,
    name: `Holders of ${role.name} on ${network?.slug ?? 'all networks'}`,
  });
  await tx.insert('groupNetworkRole', { org, group: group.id, network: place, networkRole });
  tx.audit(org, { verb: 'create', objectKind: 'group', objectId: group.id, objectName: group.name });
  return group;
}

/** The groups that hold these roles, made where need be. Errors: `invalid` (a role or network that is none), `forbidden`. */
export async function groupsOfRoles(
  tx: Tx,
  actor: Actor,
  wanted: readonly GroupNetworkRole[],
): Promise<number[]> {
  const ids: number[] = [];
  for (const held of await resolveNetworkRoles(tx, actor, wanted)) {
    ids.push((await ensureRoleGroup(tx, actor, held)).id);
  }
  return ids;
}
