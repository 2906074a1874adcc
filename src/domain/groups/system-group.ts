/** A group that the program makes and keeps: its holders get what a network role or a gateway opens. */
import { type Actor, byColumnsOf } from '../access/actor.ts';
import type { Group } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { freeGroupKey } from './group-key.ts';

/** The caller has looked that there is none with this key, and says in the audit log that there is one now. */
export async function insertSystemGroup(
  tx: Tx,
  actor: Actor,
  { org, systemKey, name }: Pick<Group, 'org' | 'name'> & { readonly systemKey: string },
): Promise<Group> {
  return tx.insert('group', {
    org,
    id: tx.newId(),
    name,
    key: await freeGroupKey(tx, org, systemKey, actor.permissions.has('policy:write')),
    kind: 'system',
    systemKey,
    active: true,
    originId: null,
    securityPolicy: null,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...byColumnsOf(actor),
  });
}
