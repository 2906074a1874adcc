/** Why an access that others of a group have is closed to one person: it locked, its time is over, a request waits. */

import { PENDING_MS } from '../domain/access-requests/access-request-service.ts';
import { modeOf } from '../domain/access-requests/access-terms.ts';
import { isEveryone } from '../domain/groups/group-reads.ts';
import type { AccessEdge, AccessRequest } from '../domain/model/networks.ts';
import type { Membership } from '../domain/model/people.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { RuleReport } from '../policy/index.ts';
import type { AccessHistory } from './access-history.ts';

/** How an access ended. */
export interface Ending {
  /** `expired`: for all; `locked`: for want of use; `time-over`: for the person, who had it on request. */
  readonly how: 'expired' | 'locked' | 'time-over';
  /** ISO 8601. */
  readonly at: string;
}

/** The last request of the person, where it did not open the access. */
export interface OpenRequest {
  readonly status: 'pending' | 'rejected' | 'unanswered';
  /** When it was made. ISO 8601. */
  readonly requestedAt: string;
}

export interface ClosedAccess {
  /** The login of the person. */
  readonly to: string;
  readonly ended: Ending | null;
  readonly request: OpenRequest | null;
}

export const instant = (at: number): string => new Date(at).toISOString();

/** Of an edge that is the person's by their group, though it is not open to them now; undefined for any other rule. */
export function closedAccess(
  snapshot: Snapshot,
  history: AccessHistory | undefined,
  { origin, lacks }: RuleReport,
  source: { readonly device: number | undefined; readonly label: string },
): ClosedAccess | undefined {
  if (origin.kind !== 'edge' || !lacks.includes('source')) return undefined;
  const edge = snapshot.table('accessEdge').get(String(origin.edge));
  if (edge?.principalKind !== 'group') return undefined;
  const person = personOf(snapshot, source);
  if (person === undefined || !isOfGroup(snapshot, edge, person)) return undefined;
  return {
    to: loginName(person),
    ended: history === undefined ? null : endingOf(snapshot, history, edge, person),
    request: history === undefined ? null : requestOf(history, edge, person),
  };
}

/** Whose untagged device the source is, or who it is where they have none. */
function personOf(
  snapshot: Snapshot,
  { device, label }: { readonly device: number | undefined; readonly label: string },
): Membership | undefined {
  if (device === undefined)
    return [...snapshot.memberships.values()].find((member) => label === `user:${loginName(member)}`);
  if ((snapshot.devices.get(device)?.tags.size ?? 0) > 0) return undefined;
  const row = snapshot.devices.get(device)?.device ?? snapshot.table('extClient').get(String(device));
  return row?.ownerKind === 'membership' ? snapshot.memberships.get(row.owner) : undefined;
}

function isOfGroup(snapshot: Snapshot, { principal }: AccessEdge, { id }: Membership): boolean {
  const group = snapshot.table('group').get(String(principal));
  if (group === undefined) return false;
  return isEveryone(group) || snapshot.membersOf(group.id).some(({ membership }) => membership === id);
}

function endingOf(
  snapshot: Snapshot,
  { now, requests }: AccessHistory,
  edge: AccessEdge,
  { id }: Membership,
): Ending | null {
  const resource = snapshot.table('resource').get(String(edge.resource));
  const lock = snapshot.locksOf(edge.id).find(({ membership }) => membership === id);
  const openUntil = lock?.openUntil ?? null;
  if (openUntil !== null && openUntil <= now) return { how: 'time-over', at: instant(openUntil) };
  if (resource === undefined) return null;
  const { mode } = modeOf(edge, resource);
  if (mode === 'auto-lock')
    return lock?.lockedAt == null ? null : { how: 'locked', at: instant(lock.lockedAt) };
  // What was given on request leaves no lock: the request says until when.
  const given = requests.find(
    ({ membership, resource: of, accessUntil }) =>
      membership === id && of === edge.resource && accessUntil !== null,
  );
  const until = given?.accessUntil ?? null;
  return until === null || until > now ? null : { how: 'time-over', at: instant(until) };
}

function requestOf(
  { now, requests }: AccessHistory,
  edge: AccessEdge,
  { id }: Membership,
): OpenRequest | null {
  const last = requests.find(({ membership, resource }) => membership === id && resource === edge.resource);
  const status = last && statusOf(last, now);
  return last === undefined || status === undefined
    ? null
    : { status, requestedAt: instant(last.requestedAt) };
}

function statusOf(
  { status, requestedAt, accessUntil }: AccessRequest,
  now: number,
): OpenRequest['status'] | undefined {
  switch (status) {
    case 'pending':
      return requestedAt + PENDING_MS <= now ? 'unanswered' : 'pending';
    case 'rejected':
      return 'rejected';
    case 'expired':
      return accessUntil === null ? 'unanswered' : undefined;
    case 'approved':
      return undefined;
  }
}
