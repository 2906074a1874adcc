/** Access edges inside of a write: rows with what hangs on them. Checks and audit are the caller's. */
import { type Actor, byColumnsOf } from '../access/actor.ts';
import type { AccessEdge } from '../model/networks.ts';
import type { Tx } from '../ports/store.ts';

export type PrincipalKind = AccessEdge['principalKind'];
export type EdgeTerms = Pick<
  AccessEdge,
  'securityPolicy' | 'expiresAt' | 'accessMode' | 'accessSeconds' | 'approvalMode'
>;

export const PLAIN_TERMS: EdgeTerms = {
  securityPolicy: null,
  expiresAt: null,
  accessMode: null,
  accessSeconds: null,
  approvalMode: null,
};

export const insertEdge = (
  tx: Tx,
  actor: Actor,
  edge: Pick<AccessEdge, 'resource' | 'principalKind' | 'principal'> & EdgeTerms,
): Promise<AccessEdge> =>
  tx.insert('accessEdge', {
    org: actor.org,
    id: tx.newId(),
    createdAt: tx.now,
    ...byColumnsOf(actor),
    ...edge,
  });

/** The edge with the locks that people have on it. */
export async function removeEdge(tx: Tx, edge: AccessEdge): Promise<void> {
  for (const { membership } of await tx.find('accessLock', edge.org, { edge: edge.id })) {
    await tx.remove('accessLock', edge.org, { edge: edge.id, membership });
  }
  await tx.remove('accessEdge', edge.org, edge.id);
}
