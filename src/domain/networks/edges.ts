/** Access edges inside of a write: rows with what hangs on them. Checks and audit are the caller's. */
import { type Actor, byColumnsOf } from '../access/actor.ts';
import { removeEach } from '../directory/each-row.ts';
import type { AccessEdge } from '../model/networks.ts';
import type { Tx, Where } from '../ports/store.ts';

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
  await removeEach(tx, 'accessLock', edge.org, { edge: edge.id });
  await tx.remove('accessEdge', edge.org, edge.id);
}

/** The edge has run out. */
export async function expireEdge(tx: Tx, edge: AccessEdge): Promise<void> {
  const resource = await tx.get('resource', edge.org, edge.resource);
  await removeEdge(tx, edge);
  tx.audit(edge.org, {
    verb: 'expire',
    objectKind: 'accessEdge',
    objectId: edge.id,
    objectName: resource?.name ?? '',
    ...(resource === undefined ? {} : { network: resource.network }),
    // All of it that explanations of a later refusal need.
    before: {
      resource: edge.resource,
      principalKind: edge.principalKind,
      principal: edge.principal,
      securityPolicy: edge.securityPolicy,
      expiresAt: edge.expiresAt,
    },
  });
}

/**
 * The edges in force, for a write that changes them. Those that ran out and were not cleared away yet go now: an access that
 * is given again must not take over the end of the old one.
 */
export async function findEdges(tx: Tx, org: number, where: Where<'accessEdge'>): Promise<AccessEdge[]> {
  const found = await tx.find('accessEdge', org, where);
  const hasEnded = ({ expiresAt }: AccessEdge): boolean => expiresAt !== null && expiresAt <= tx.now;
  for (const edge of found.filter(hasEnded)) await expireEdge(tx, edge);
  return found.filter((edge) => !hasEnded(edge));
}

/** Those of them that may have a policy: access to a resource that bypasses the network has none. */
export async function policedEdges(tx: Tx, org: number, edges: readonly AccessEdge[]): Promise<AccessEdge[]> {
  const ids = [...new Set(edges.map(({ resource }) => resource))];
  const bypassing = await tx.find('resource', org, { id: ids, bypass: true });
  const bypassed = new Set(bypassing.map(({ id }) => id));
  return edges.filter(({ resource }) => !bypassed.has(resource));
}
