/**
 * Requests for access: a person asks for a resource whose access is locked to them, somebody who reviews says yes or no,
 * and a yes opens it for the time that its terms give. What is asked for is always an edge that is there already: a request
 * never makes one.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `conflict`.
 */
import { DAY, HOUR, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, byOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { missing, requireRow } from '../directory/missing.ts';
import { EVERYONE } from '../groups/group-reads.ts';
import type { AccessLock, AccessRequest, Resource } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership } from '../model/people.ts';
import { memberState } from '../people/member-state.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { edgesOfPerson, endOf, type PersonalEdge, WITHOUT_END } from './access-terms.ts';

export interface NewAccessRequest {
  readonly resource: number;
  /** May be empty, unless access opens again by the reason alone. At most 1,000 characters. */
  readonly reason?: string;
  /** How long the access is wanted, 60 to a year; by default as long as its terms give. */
  readonly seconds?: number;
  /** On whose behalf; by default the actor's own. Another's takes `access:write`. */
  readonly membership?: number;
}

export interface AccessRequestList {
  readonly status?: AccessRequest['status'];
  /** 1 to 1,000; 100 by default. */
  readonly limit?: number;
}

export interface AccessRequestService {
  /** A request whose terms ask for no approval comes back approved. */
  create(actor: Actor, input: NewAccessRequest, origin: AuditOrigin): Promise<AccessRequest>;
  /**
   * Newest first: all of them for those who review, else one's own and those that one's groups approve.
   */
  list(actor: Actor, query?: AccessRequestList): Promise<readonly AccessRequest[]>;
  /** Opens the access. A request is decided once. */
  approve(actor: Actor, id: number, origin: AuditOrigin): Promise<AccessRequest>;
  reject(actor: Actor, id: number, origin: AuditOrigin): Promise<AccessRequest>;
}

const MAX_REASON = 1_000;
const MIN_SECONDS = 60;
const MAX_SECONDS = (365 * DAY) / SECOND;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** How many requests of one person may wait. */
const MAX_PENDING = 100;
/** A request that nobody decides on ends. */
export const PENDING_MS = 7 * DAY;
/** What is listed for somebody who reviews only some resources is looked for among this many. */
const MAX_SCANNED = 5_000;

export function createAccessRequestService({ store }: { readonly store: Store }): AccessRequestService {
  const decide = (
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    status: 'approved' | 'rejected',
  ): Promise<AccessRequest> =>
    store.write(contextOf(actor, origin), async (tx) => {
      const request = await requireRow(tx, 'accessRequest', actor.org, id);
      await requireReviewer(tx, actor, request);
      const present = request.requestedAt + PENDING_MS <= tx.now ? 'expired' : request.status;
      if (request.status !== 'pending' || present !== 'pending')
        throw new AppError(
          'conflict',
          `the access request is ${request.status === 'pending' ? present : request.status} already`,
        );
      const resource = await requireRow(tx, 'resource', actor.org, request.resource);
      const accessUntil = status === 'approved' ? await open(tx, request, resource) : null;
      return settle(tx, request, resource, { status, decidedBy: byOf(actor).name, accessUntil });
    });

  return {
    create: async (actor, input, origin) => {
      const own = actor.kind === 'member' ? actor.membership : undefined;
      const membership = input.membership ?? own;
      authorize(actor, membership === own && own !== undefined ? 'self:write' : 'access:write');
      if (membership === undefined) throw invalid('say whose access is asked for', 'membership');
      const reason = checkReason(input.reason ?? '');
      const seconds = checkSeconds(input.seconds);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', org, membership);
        if (memberState(member) !== 'active') throw new AppError('forbidden', 'the member is not active');
        const [resource] = await tx.find('resource', org, { id: input.resource }, 1);
        // A resource that nobody opened to the person's groups is none of theirs: they do not learn whether it is there.
        const edges = resource === undefined ? [] : await edgesOfPerson(tx, member, resource, tx.now);
        if (resource === undefined || edges.length === 0) throw missing('resource', input.resource);
        if (edges.some((edge) => edge.open)) throw new AppError('conflict', 'the access is open already');
        await requireNonePending(tx, member, resource);
        const request = await tx.insert('accessRequest', {
          org,
          id: tx.newId(),
          membership,
          resource: resource.id,
          reason,
          seconds,
          status: 'pending',
          requestedAt: tx.now,
          decidedAt: null,
          decidedBy: null,
          accessUntil: null,
        });
        audit(tx, request, resource, 'create', { after: { membership, reason, seconds } });
        if (!edges.some(({ terms }) => terms.approval === 'automatic')) return request;
        if (reason === '') throw invalid('a reason is needed', 'reason');
        const accessUntil = await open(tx, request, resource, 'automatic');
        return settle(tx, request, resource, { status: 'approved', decidedBy: 'automatic', accessUntil });
      });
    },

    list: async (actor, { status, limit = DEFAULT_LIMIT } = {}) => {
      authorize(actor, { anyOf: ['access:read', 'access:review', 'self:read'] });
      const rows = Math.max(1, Math.min(limit, MAX_LIMIT));
      const all = actor.permissions.has('access:read') || actor.permissions.has('access:review');
      const found = await store.list('accessRequest', actor.org, {
        ...(status === undefined ? {} : { where: { status } }),
        orderBy: [{ column: 'requestedAt', descending: true }],
        limit: all ? rows : MAX_SCANNED,
      });
      if (all) return found;
      if (actor.kind !== 'member') return [];
      const reviewed = await reviewedResources(store, actor.org, actor.membership);
      return found
        .filter(({ membership, resource }) => membership === actor.membership || reviewed.has(resource))
        .slice(0, rows);
    },

    approve: (actor, id, origin) => decide(actor, id, origin, 'approved'),
    reject: (actor, id, origin) => decide(actor, id, origin, 'rejected'),
  };
}

function checkReason(text: string): string {
  const reason = text.trim();
  if (reason.length > MAX_REASON)
    throw invalid(`the reason must not exceed ${MAX_REASON} characters`, 'reason');
  return reason;
}

function checkSeconds(seconds: number | undefined): number | null {
  if (seconds === undefined) return null;
  if (!Number.isSafeInteger(seconds) || seconds < MIN_SECONDS || seconds > MAX_SECONDS) {
    throw invalid(
      `the time must be ${MIN_SECONDS} seconds to ${MAX_SECONDS / (HOUR / SECOND)} hours`,
      'seconds',
    );
  }
  return seconds;
}

async function requireNonePending(tx: Tx, member: Membership, resource: Resource): Promise<void> {
  const { org, id: membership } = member;
  const waiting = (await tx.find('accessRequest', org, { membership, status: 'pending' })).filter(
    ({ requestedAt }) => requestedAt + PENDING_MS > tx.now,
  );
  if (waiting.some((request) => request.resource === resource.id))
    throw new AppError('conflict', 'a request for this access is waiting already');
  if (waiting.length >= MAX_PENDING)
    throw new AppError('too_large', `more than ${MAX_PENDING} requests of one person wait already`);
}

/** The resources that the groups of a member approve requests for. */
async function reviewedResources(reader: Reader, org: number, membership: number): Promise<Set<number>> {
  const joined = await reader.find('groupMember', org, { membership });
  const groups = await reader.find('group', org, { id: joined.map(({ group }) => group), active: true });
  const everyone = await reader.find('group', org, { kind: 'system', systemKey: EVERYONE, active: true });
  const ids = [...groups, ...everyone].map(({ id }) => id);
  if (ids.length === 0) return new Set();
  return new Set(
    (await reader.find('resourceApprover', org, { group: ids })).map(({ resource }) => resource),
  );
}

/**
 * Those who review access decide, and members of the resource's approver groups. Nobody decides on a request of their own
 * but those who could open the access anyway.
 */
async function requireReviewer(tx: Tx, actor: Actor, request: AccessRequest): Promise<void> {
  if (actor.permissions.has('access:write')) return;
  const own = actor.kind === 'member' && actor.membership === request.membership;
  if (own) throw new AppError('forbidden', 'nobody decides on a request of their own');
  if (actor.permissions.has('access:review')) return;
  const reviewed =
    actor.kind === 'member' ? await reviewedResources(tx, actor.org, actor.membership) : new Set<number>();
  // Whoever reviews nothing here does not learn which requests there are.
  if (!reviewed.has(request.resource)) throw missing('accessRequest', request.id);
}

/** Opens the person's locked edges to the resource; says until when, null for without end. */
async function open(
  tx: Tx,
  request: AccessRequest,
  resource: Resource,
  approval?: 'automatic',
): Promise<number | null> {
  const { org, membership, seconds } = request;
  const edges = (await edgesOfPerson(tx, { org, id: membership }, resource, tx.now)).filter(
    ({ terms }) => terms.mode !== 'manual' && (approval === undefined || terms.approval === approval),
  );
  if (edges.length === 0)
    throw new AppError('conflict', 'no group of the person leads to the resource any more');
  let until = tx.now;
  for (const personal of edges) {
    const lock = lockAfter(personal, membership, seconds, tx.now);
    until = Math.max(until, lock.openUntil ?? WITHOUT_END);
    await tx.put('accessLock', lock);
    tx.audit(org, {
      verb: 'enable',
      objectKind: 'accessEdge',
      objectId: personal.edge.id,
      objectName: resource.name,
      network: resource.network,
      field: 'lock',
      after: { membership, openUntil: lock.openUntil },
    });
  }
  return until >= WITHOUT_END ? null : until;
}

/** An access that locks without use starts its time anew, unless the person asked for less. */
function lockAfter(
  { edge, terms }: PersonalEdge,
  membership: number,
  wanted: number | null,
  now: number,
): AccessLock {
  const limited = terms.mode === 'access-request' || wanted !== null;
  const own = terms.mode === 'access-request' ? terms : { ...terms, seconds: null };
  return {
    org: edge.org,
    edge: edge.id,
    membership,
    lastUsed: now,
    lockedAt: null,
    openUntil: limited ? endOf(own, wanted, now) : null,
  };
}

async function settle(
  tx: Tx,
  request: AccessRequest,
  resource: Resource,
  decision: Pick<AccessRequest, 'status' | 'decidedBy' | 'accessUntil'>,
): Promise<AccessRequest> {
  const decided = await tx.update('accessRequest', request.org, request.id, {
    ...decision,
    decidedAt: tx.now,
  });
  const approved = decision.status === 'approved';
  audit(tx, request, resource, approved ? 'approve' : 'update', {
    field: 'status',
    before: request.status,
    after: decision.status,
  });
  return decided;
}

function audit(
  tx: Tx,
  request: AccessRequest,
  resource: Resource,
  verb: 'create' | 'approve' | 'update',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown },
): void {
  tx.audit(request.org, {
    verb,
    objectKind: 'accessRequest',
    objectId: request.id,
    objectName: resource.name,
    network: resource.network,
    ...change,
  });
}
