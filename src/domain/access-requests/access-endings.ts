/**
 * What time ends in access: edges past their expiry go, access that was opened for a time or stays unused locks, requests
 * that nobody decided on expire. Packets do not wait for this: the policy leaves out what has ended at that very instant.
 * This makes the rows say so too, with an audit event each.
 */
import { SECOND } from '../../kernel/clock.ts';
import { EVERYONE } from '../groups/group-reads.ts';
import type { AccessEdge, AccessLock, Resource } from '../model/networks.ts';
import { expireEdge } from '../networks/edges.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { PENDING_MS } from './access-request-service.ts';
import { modeOf } from './access-terms.ts';

/** Finds the organizations in which something may have ended; a hint that may name too many. */
export interface AccessDue {
  organizations(now: number, pendingBefore: number): Promise<number[]>;
}

export interface AccessEndings {
  /** Ends what is due in all organizations; says how many things it ended. */
  sweep(): Promise<number>;
}

/** At most this many of each kind in one write; the next sweep goes on. */
const BATCH = 500;
const MAX_ROWS = 100_000;
const BY = { kind: 'system', id: '', name: 'holdfast' } as const;

export interface AccessEndingsParts {
  readonly store: Store;
  readonly due: AccessDue;
  readonly now: () => number;
}

export function createAccessEndings({ store, due, now }: AccessEndingsParts): AccessEndings {
  const sweepOne = async (org: number): Promise<number> => {
    const idle = await idleAccess(store, org, now());
    return store.write({ orgs: [org], by: BY, origin: 'system' }, async (tx) => {
      const edges = await endEdges(tx, org);
      const locks = await endOpenings(tx, org);
      const requests = await endRequests(tx, org);
      return edges + locks + requests + (await lockIdle(tx, org, idle));
    });
  };
  return {
    sweep: async () => {
      const at = now();
      let ended = 0;
      for (const org of await due.organizations(at, at - PENDING_MS)) ended += await sweepOne(org);
      return ended;
    },
  };
}

async function endEdges(tx: Tx, org: number): Promise<number> {
  const ended = await tx.list('accessEdge', org, {
    filters: [
      { column: 'expiresAt', operator: 'not-null' },
      { column: 'expiresAt', operator: '<=', value: tx.now },
    ],
    limit: BATCH,
    few: true,
  });
  for (const edge of ended) await expireEdge(tx, edge);
  return ended.length;
}

/** Access opened for a time: the row goes, or locks where access is open without a row. */
async function endOpenings(tx: Tx, org: number): Promise<number> {
  const ended = await tx.list('accessLock', org, {
    filters: [
      { column: 'openUntil', operator: 'not-null' },
      { column: 'openUntil', operator: '<=', value: tx.now },
    ],
    limit: BATCH,
    few: true,
  });
  for (const lock of ended) {
    const edge = await tx.get('accessEdge', org, lock.edge);
    const resource = edge && (await tx.get('resource', org, edge.resource));
    const locks = edge !== undefined && resource !== undefined && modeOf(edge, resource).mode === 'auto-lock';
    if (locks) await tx.put('accessLock', { ...lock, lockedAt: tx.now, openUntil: null });
    else await tx.remove('accessLock', org, { edge: lock.edge, membership: lock.membership });
    noteLock(tx, lock, resource);
  }
  const approved = await tx.list('accessRequest', org, {
    where: { status: 'approved' },
    filters: [
      { column: 'accessUntil', operator: 'not-null' },
      { column: 'accessUntil', operator: '<=', value: tx.now },
    ],
    limit: BATCH,
    few: true,
  });
  for (const request of approved) await expireRequest(tx, org, request.id);
  return ended.length + approved.length;
}

async function endRequests(tx: Tx, org: number): Promise<number> {
  const waiting = await tx.list('accessRequest', org, {
    where: { status: 'pending' },
    filters: [{ column: 'requestedAt', operator: '<=', value: tx.now - PENDING_MS }],
    limit: BATCH,
    few: true,
  });
  for (const request of waiting) await expireRequest(tx, org, request.id, tx.now);
  return waiting.length;
}

async function expireRequest(tx: Tx, org: number, id: number, decidedAt?: number): Promise<void> {
  await tx.update('accessRequest', org, id, {
    status: 'expired',
    ...(decidedAt === undefined ? {} : { decidedAt }),
  });
  tx.audit(org, { verb: 'expire', objectKind: 'accessRequest', objectId: id, objectName: '' });
}

interface Idle {
  readonly edge: number;
  readonly membership: number;
  readonly lastUsed: number;
}

/**
 * People whose access locks without use and who have not used it for that long. The server sees no packets, so use is what it
 * does see: a device of the person connected while the access was open.
 */
async function idleAccess(reader: Reader, org: number, now: number): Promise<Idle[]> {
  const resources = new Map<number, Resource>();
  const edges: { edge: AccessEdge; seconds: number }[] = [];
  for (const edge of await autoLockEdges(reader, org, resources)) {
    const resource = resources.get(edge.resource);
    const terms = resource && modeOf(edge, resource);
    if (terms?.mode === 'auto-lock' && terms.seconds !== null) edges.push({ edge, seconds: terms.seconds });
  }
  if (edges.length === 0) return [];
  const seen = await lastConnections(reader, org, now);
  const idle: Idle[] = [];
  for (const { edge, seconds } of edges) {
    const locks = new Map(
      (await reader.find('accessLock', org, { edge: edge.id }, MAX_ROWS)).map((lock) => [
        lock.membership,
        lock,
      ]),
    );
    for (const membership of await membersOf(reader, org, edge.principal)) {
      const lock = locks.get(membership);
      if (lock !== undefined && lock.lockedAt !== null) continue;
      const lastUsed = Math.max(edge.createdAt, lock?.lastUsed ?? 0, seen.get(membership) ?? 0);
      if (lastUsed + seconds * SECOND <= now) idle.push({ edge: edge.id, membership, lastUsed });
    }
  }
  return idle.slice(0, BATCH);
}

async function autoLockEdges(
  reader: Reader,
  org: number,
  resources: Map<number, Resource>,
): Promise<AccessEdge[]> {
  const keep = (found: readonly Resource[]): void => {
    for (const resource of found) resources.set(resource.id, resource);
  };
  const byEdge = await reader.find(
    'accessEdge',
    org,
    { accessMode: 'auto-lock', principalKind: 'group' },
    MAX_ROWS,
  );
  const locking = await reader.list('resource', org, { where: { accessMode: 'auto-lock' }, limit: MAX_ROWS });
  keep(locking);
  keep(await reader.find('resource', org, { id: byEdge.map(({ resource }) => resource) }, MAX_ROWS));
  const byResource =
    locking.length === 0
      ? []
      : await reader.find(
          'accessEdge',
          org,
          { resource: locking.map(({ id }) => id), principalKind: 'group' },
          MAX_ROWS,
        );
  return [...new Map([...byEdge, ...byResource].map((edge) => [edge.id, edge])).values()];
}

async function membersOf(reader: Reader, org: number, group: number): Promise<number[]> {
  const row = await reader.get('group', org, group);
  if (row?.systemKey === EVERYONE) {
    const joined = await reader.list('membership', org, {
      filters: [{ column: 'joinedAt', operator: 'not-null' }],
      limit: MAX_ROWS,
    });
    return joined.map(({ id }) => id);
  }
  return (await reader.find('groupMember', org, { group }, MAX_ROWS)).map(({ membership }) => membership);
}

/** When a device of each person was last connected; now for those that are. */
async function lastConnections(reader: Reader, org: number, now: number): Promise<Map<number, number>> {
  const owners = new Map(
    (await reader.find('device', org, { ownerKind: 'membership' }, MAX_ROWS)).map(({ id, owner }) => [
      id,
      owner,
    ]),
  );
  const seen = new Map<number, number>();
  for (const { device, online, lastSeen } of await reader.find('presence', org, {}, MAX_ROWS)) {
    const owner = owners.get(device);
    if (owner !== undefined) seen.set(owner, Math.max(seen.get(owner) ?? 0, online ? now : lastSeen));
  }
  return seen;
}

async function lockIdle(tx: Tx, org: number, idle: readonly Idle[]): Promise<number> {
  let count = 0;
  for (const { edge: id, membership, lastUsed } of idle) {
    const edge = await tx.get('accessEdge', org, id);
    const present = await tx.get('accessLock', org, { edge: id, membership });
    // Opened again, or gone, since it was looked at.
    if (edge === undefined || (present?.lastUsed ?? 0) > lastUsed) continue;
    const lock: AccessLock = { org, edge: id, membership, lastUsed, lockedAt: tx.now, openUntil: null };
    await tx.put('accessLock', lock);
    noteLock(tx, lock, await tx.get('resource', org, edge.resource));
    count += 1;
  }
  return count;
}

function noteLock(tx: Tx, lock: AccessLock, resource: Resource | undefined): void {
  tx.audit(lock.org, {
    verb: 'expire',
    objectKind: 'accessEdge',
    objectId: lock.edge,
    objectName: resource?.name ?? '',
    ...(resource === undefined ? {} : { network: resource.network }),
    field: 'lock',
    after: { membership: lock.membership },
  });
}
