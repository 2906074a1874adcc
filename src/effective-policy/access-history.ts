/** What became of accesses to resources: those that have run out, and what people asked for. The policy knows those in force. */
import type { AccessRequest } from '../domain/model/networks.ts';
import type { Store } from '../domain/ports/store.ts';
import { DAY } from '../kernel/clock.ts';
import type { EdgeFacts } from './network-inputs.ts';

export interface AccessHistory {
  /** The instant of the question. */
  readonly now: number;
  /** The newest first. */
  readonly requests: readonly AccessRequest[];
  /** Accesses that ran out and were cleared away, the newest first. */
  readonly expired: readonly EdgeFacts[];
}

/** Longer ago is no news to anybody. */
const EXPIRED_MS = 30 * DAY;
const MAX_EXPIRED = 1_000;
const MAX_REQUESTS = 5_000;

export async function loadAccessHistory(store: Store, org: number, now: number): Promise<AccessHistory> {
  const [requests, events] = await Promise.all([
    store.list('accessRequest', org, {
      orderBy: [{ column: 'requestedAt', descending: true }],
      limit: MAX_REQUESTS,
    }),
    store.queries.expiredAccess(org, { from: now - EXPIRED_MS, limit: MAX_EXPIRED }),
  ]);
  const expired = events.flatMap(({ objectId, before }) => edgeOf(Number(objectId), before) ?? []);
  return { now, requests, expired };
}

/** From the event of its end. Events of older versions do not say enough. */
function edgeOf(id: number, before: string | null): EdgeFacts | undefined {
  const said: unknown = before === null ? undefined : JSON.parse(before);
  if (typeof said !== 'object' || said === null) return undefined;
  const { resource, principalKind, principal, securityPolicy, expiresAt } = said as Partial<EdgeFacts>;
  if (resource === undefined || principalKind === undefined || principal === undefined) return undefined;
  if (typeof expiresAt !== 'number') return undefined;
  const terms = { accessMode: null, accessSeconds: null, approvalMode: null };
  return {
    id,
    resource,
    principalKind,
    principal,
    securityPolicy: securityPolicy ?? null,
    expiresAt,
    ...terms,
  };
}
