/**
 * How a person stands to a resource: the edges that lead there from the person's groups, under which terms, and which of
 * them are open now. One rule for requests, for the jobs that close access, and for the policy.
 */
import { SECOND } from '../../kernel/clock.ts';
import { isEveryone } from '../groups/group-reads.ts';
import type { AccessEdge, AccessLock, AccessMode, Resource } from '../model/networks.ts';
import type { Reader } from '../ports/store.ts';

export interface EdgeMode {
  readonly mode: AccessMode;
  /** Of AUTO_LOCK: without use until it locks; of a request: how long it opens. Null: without end. */
  readonly seconds: number | null;
  readonly approval: 'automatic' | 'manual';
}

type Terms = Pick<Resource, 'accessMode' | 'accessSeconds' | 'approvalMode'>;

/** The terms in force: what the edge says goes before what the resource says. */
export function modeOf(edge: Terms, resource: Terms): EdgeMode {
  const source = edge.accessMode === null ? resource : edge;
  return {
    mode: source.accessMode ?? 'manual',
    seconds: source.accessMode === null ? null : source.accessSeconds,
    approval: edge.approvalMode ?? resource.approvalMode ?? 'manual',
  };
}

/** The last instant that a date can hold: access without an end. */
export const WITHOUT_END = 8_640_000_000_000_000;

/** Whether an edge of these terms is open to somebody with this lock, or with none. */
export function isOpen(
  mode: AccessMode,
  lock: Pick<AccessLock, 'lockedAt' | 'openUntil'> | undefined,
  now: number,
): boolean {
  switch (mode) {
    case 'manual':
      return true;
    case 'auto-lock':
      return (
        lock === undefined || (lock.lockedAt === null && (lock.openUntil === null || lock.openUntil > now))
      );
    case 'access-request':
      return lock !== undefined && lock.openUntil !== null && lock.openUntil > now;
  }
}

export interface PersonalEdge {
  readonly edge: AccessEdge;
  readonly terms: EdgeMode;
  readonly lock: AccessLock | undefined;
  readonly open: boolean;
}

/** The edges in force from the active groups of a member to a resource. */
export async function edgesOfPerson(
  reader: Reader,
  member: { readonly org: number; readonly id: number },
  resource: Resource,
  now: number,
): Promise<PersonalEdge[]> {
  const { org } = member;
  const edges = (
    await reader.find('accessEdge', org, { resource: resource.id, principalKind: 'group' })
  ).filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  if (edges.length === 0) return [];
  const groups = await reader.find('group', org, { id: edges.map(({ principal }) => principal) });
  const joined = new Set(
    (await reader.find('groupMember', org, { membership: member.id })).map(({ group }) => group),
  );
  const own = new Set(
    groups.filter((group) => group.active && (isEveryone(group) || joined.has(group.id))).map(({ id }) => id),
  );
  const locks = new Map(
    (await reader.find('accessLock', org, { membership: member.id })).map((lock) => [lock.edge, lock]),
  );
  return edges
    .filter(({ principal }) => own.has(principal))
    .map((edge) => {
      const terms = modeOf(edge, resource);
      const lock = locks.get(edge.id);
      return { edge, terms, lock, open: isOpen(terms.mode, lock, now) };
    });
}

/** When an access that opens now ends by these terms; a shorter wish of the person holds. */
export function endOf(terms: EdgeMode, wanted: number | null, now: number): number {
  const seconds = [terms.seconds, wanted].filter((value) => value !== null);
  return seconds.length === 0 ? WITHOUT_END : now + Math.min(...seconds) * SECOND;
}
