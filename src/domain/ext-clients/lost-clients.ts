/** External clients whose owners have lost their network go with what was lost. */
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import type { Membership } from '../model/people.ts';
import { reachOf } from '../networks/network-reach.ts';
import type { Tx } from '../ports/store.ts';
import { removeExtClient } from './client-removal.ts';

const MANY = 100_000;

/**
 * Deletes the clients of these members in networks where nothing is open to them any more. Called at the end of a write
 * that took a group, a role or a place in a group away; administrators keep theirs.
 */
export async function removeLostClients(tx: Tx, org: number, members: readonly number[]): Promise<void> {
  if (members.length === 0) return;
  const clients = await tx.find('extClient', org, { ownerKind: 'membership', owner: members }, MANY);
  if (clients.length === 0) return;
  const gateways = await tx.find('gateway', org, { id: clients.map(({ gateway }) => gateway) }, MANY);
  const networks = new Map(gateways.map(({ id, network }) => [id, network]));
  const owners = await tx.find('membership', org, { id: clients.map(({ owner }) => owner) }, MANY);
  const reaches = new Map<number, (network: number) => boolean>();
  for (const owner of owners) reaches.set(owner.id, await reachOfOwner(tx, owner));
  for (const client of clients) {
    const network = networks.get(client.gateway) ?? 0;
    if (reaches.get(client.owner)?.(network) !== true) await removeExtClient(tx, client);
  }
}

async function reachOfOwner(tx: Tx, owner: Membership): Promise<(network: number) => boolean> {
  if (ADMINISTRATIVE_ROLES.has(owner.role)) return () => true;
  return (await reachOf(tx, owner, tx.now)).reaches;
}

/** The members of groups, as they are in the write at hand. */
export async function membersOfGroups(tx: Tx, org: number, groups: readonly number[]): Promise<number[]> {
  if (groups.length === 0) return [];
  const places = await tx.find('groupMember', org, { group: groups }, Number.MAX_SAFE_INTEGER);
  return [...new Set(places.map(({ membership }) => membership))];
}
