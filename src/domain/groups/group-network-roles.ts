/** What groups hold on networks, and how they look where groups have a look. */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize, decide } from '../access/authorize.ts';
import { membersOfGroups, removeLostClients } from '../ext-clients/lost-clients.ts';
import type { Group } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { administrates } from './network-access.ts';
import { ALL_NETWORKS, findNetworkRole, unknownRole } from './network-groups.ts';

export interface GroupNetworkRole {
  /** The network's slug, or null for all networks. */
  readonly network: string | null;
  /** The role's key. */
  readonly role: string;
}

export interface GroupLook {
  readonly colorCode: string;
  readonly metaData: string;
}

const MAX_ROLES = 1_000;
const MAX_LOOK = 2_000;

export interface Held {
  readonly network: number;
  readonly networkRole: number;
}

/** Roles and networks by their ids. Errors: `invalid` (one that is none), `forbidden` (power that the actor lacks). */
export async function resolveNetworkRoles(
  tx: Tx,
  actor: Actor,
  wanted: readonly GroupNetworkRole[],
): Promise<Held[]> {
  const { org } = actor;
  if (wanted.length > MAX_ROLES) throw new AppError('too_large', `more than ${MAX_ROLES} network roles`);
  const held: Held[] = [];
  for (const { network: slug, role: key } of wanted) {
    const [network] = slug === null ? [] : await tx.find('network', org, { slug }, 1);
    const role = await findNetworkRole(tx, org, key);
    // A role of one network says nothing about another.
    const fits = role !== undefined && (role.network === null || role.network === network?.id);
    if (!fits || (slug !== null && network === undefined)) throw unknownRole(key);
    // Nobody hands out power over a network that they lack.
    if (administrates(role)) authorize(actor, 'networks:write');
    held.push({ network: network?.id ?? ALL_NETWORKS, networkRole: role.id });
  }
  return held;
}

const keyOf = ({ network, networkRole }: Held): string => `${network}/${networkRole}`;

/** All that the group holds from now on. Errors: `invalid` (a role or network that is none). */
export async function setNetworkRoles(
  tx: Tx,
  actor: Actor,
  { org, id: group, name }: Group,
  wanted: readonly GroupNetworkRole[],
): Promise<void> {
  const present = await tx.find('groupNetworkRole', org, { group });
  if (wanted.length === 0 && present.length === 0) return;
  const resolved = new Map((await resolveNetworkRoles(tx, actor, wanted)).map((held) => [keyOf(held), held]));
  const kept = new Set(present.map(keyOf));
  const removed = present.filter((held) => !resolved.has(keyOf(held)));
  const added = [...resolved].filter(([key]) => !kept.has(key)).map(([, held]) => held);
  for (const { network, networkRole } of removed) {
    await tx.remove('groupNetworkRole', org, { group, network, networkRole });
  }
  for (const held of added) await tx.insert('groupNetworkRole', { org, group, ...held });
  if (added.length === 0 && removed.length === 0) return;
  if (removed.length > 0) await removeLostClients(tx, org, await membersOfGroups(tx, org, [group]));
  tx.audit(org, {
    verb: 'update',
    objectKind: 'group',
    objectId: group,
    objectName: name,
    field: 'networkRoles',
    before: present.map(keyOf),
    after: [...resolved.keys()],
  });
}

/**
 * Whoever puts people into a group hands them what it holds: of power over networks, nobody hands out what they lack.
 * Errors: `forbidden`.
 */
export async function requireMayFill(
  tx: Tx,
  actor: Actor,
  org: number,
  groups: readonly number[],
): Promise<void> {
  if (groups.length === 0 || decide(actor, 'networks:write') === undefined) return;
  const held = await tx.find('groupNetworkRole', org, { group: groups });
  const roles = await tx.find('networkRole', org, { id: held.map(({ networkRole }) => networkRole) });
  if (roles.some(administrates)) authorize(actor, 'networks:write');
}

/** What is not given stays. */
export async function setLook(
  tx: Tx,
  { org, id: group, name }: Group,
  look: Partial<GroupLook>,
): Promise<void> {
  if (Object.keys(look).length === 0) return;
  const present = await tx.get('groupNetmaker', org, { group });
  const after = {
    colorCode: (look.colorCode ?? present?.colorCode ?? '').slice(0, MAX_LOOK),
    metaData: (look.metaData ?? present?.metaData ?? '').slice(0, MAX_LOOK),
  };
  if (after.colorCode === (present?.colorCode ?? '') && after.metaData === (present?.metaData ?? '')) return;
  await tx.put('groupNetmaker', { org, group, ...after });
  tx.audit(org, {
    verb: 'update',
    objectKind: 'group',
    objectId: group,
    objectName: name,
    field: 'look',
    after,
  });
}
