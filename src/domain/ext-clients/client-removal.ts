/** Taking external clients away, or from their owners, inside of a write. Checks of who may are the caller's. */
import type { ExtClient } from '../model/networks.ts';
import type { Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { freeAddresses } from './client-pools.ts';

export async function removeExtClient(tx: Tx, client: ExtClient): Promise<void> {
  const { org, id } = client;
  await freeAddresses(tx, org, id);
  await tx.remove('extClientNetmaker', org, { extClient: id });
  await tx.remove('extClientLive', org, { extClient: id });
  await tx.remove('extClient', org, id);
  auditClient(tx, client, 'delete');
}

const clientsOf = (tx: Tx, { org, id }: Membership): Promise<ExtClient[]> =>
  tx.find('extClient', org, { ownerKind: 'membership', owner: id });

/** Clients that a program on the owner's device made go with the owner; others are configurations that somebody handed out. */
const isOfApp = ({ deviceId, racId }: ExtClient): boolean => deviceId !== null || racId !== null;

/**
 * What becomes of a member's clients when the member goes: all are deleted, or, with `keepPlain`, those that belong to no
 * program stay, switched off, as the organization's.
 */
export async function releaseClients(
  tx: Tx,
  member: Membership,
  { keepPlain }: { readonly keepPlain: boolean },
): Promise<void> {
  for (const client of await clientsOf(tx, member)) {
    if (!keepPlain || isOfApp(client)) {
      await removeExtClient(tx, client);
      continue;
    }
    const change = { ownerKind: 'organization', owner: 0, enabled: false } as const;
    await tx.update('extClient', client.org, client.id, { ...change, updatedAt: tx.now });
    auditClient(tx, client, 'update', { field: 'owner', before: client.owner, after: change });
  }
}

/** Switches all of a member's clients on or off. */
export async function switchClients(tx: Tx, member: Membership, enabled: boolean): Promise<void> {
  for (const client of await clientsOf(tx, member)) {
    if (client.enabled === enabled) continue;
    await tx.update('extClient', client.org, client.id, { enabled, updatedAt: tx.now });
    auditClient(tx, client, enabled ? 'enable' : 'disable');
  }
}

export function auditClient(
  tx: Tx,
  client: Pick<ExtClient, 'org' | 'id' | 'clientId'>,
  verb: 'create' | 'update' | 'delete' | 'enable' | 'disable',
  change: {
    readonly field?: string;
    readonly before?: unknown;
    readonly after?: unknown;
    readonly network?: number;
  } = {},
): void {
  tx.audit(client.org, {
    verb,
    objectKind: 'extClient',
    objectId: client.id,
    objectName: client.clientId,
    ...change,
  });
}
