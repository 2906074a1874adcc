/**
 * When credentials were last used and members last seen: collected in memory and written in batches, once a minute for
 * each at most. A crash loses at most the last batch, which nothing depends on.
 */
import type { Store, Tx } from '../domain/ports/store.ts';
import { type Clock, MINUTE, SECOND } from '../kernel/clock.ts';

export interface Use {
  readonly org: number;
  readonly credential: number;
  /** The member on whose behalf, if there is one. */
  readonly membership: number | null;
}

export interface UsageRecorder {
  record(use: Use): void;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  /** Writes what is waiting and stops. */
  close(): Promise<void>;
}

export interface UsageRecorderParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly flushEveryMs?: number;
}

const FLUSH_MS = 5 * SECOND;
const MAX_REMEMBERED = 50_000;
const ROWS_PER_WRITE = 500;

interface Seen {
  /** Times of use that wait to be written, by id. */
  readonly credentials: Map<number, number>;
  readonly memberships: Map<number, number>;
}

/** Tells whether `key` is due again; forgets the oldest when there are too many. */
function createThrottle(intervalMs: number) {
  const last = new Map<string, number>();
  return (key: string, now: number): boolean => {
    const before = last.get(key);
    if (before !== undefined && now - before < intervalMs) return false;
    // Deleted first, so that the map stays in the order of use.
    last.delete(key);
    if (last.size >= MAX_REMEMBERED) {
      const oldest = last.keys().next();
      if (!oldest.done) last.delete(oldest.value);
    }
    last.set(key, now);
    return true;
  };
}

async function writeSeen(tx: Tx, org: number, chunk: readonly SeenRow[]): Promise<void> {
  const idsOf = (kind: SeenRow['kind']) => chunk.filter((row) => row.kind === kind).map(({ id }) => id);
  // One that was deleted meanwhile must not leave a row behind.
  const present = new Set([
    ...(await tx.find('credential', org, { id: idsOf('credential') })).map(({ id }) => `credential ${id}`),
    ...(await tx.find('membership', org, { id: idsOf('membership') })).map(({ id }) => `membership ${id}`),
  ]);
  for (const { kind, id, at } of chunk) {
    if (!present.has(`${kind} ${id}`)) continue;
    if (kind === 'credential') await tx.put('credentialSeen', { org, credential: id, lastUsed: at });
    else await tx.put('membershipSeen', { org, membership: id, lastSeen: at });
  }
}

interface SeenRow {
  readonly kind: 'credential' | 'membership';
  readonly id: number;
  readonly at: number;
}

export function createUsageRecorder(parts: UsageRecorderParts): UsageRecorder {
  const { store, clock, onError, flushEveryMs = FLUSH_MS } = parts;
  const isDue = createThrottle(MINUTE);
  let waiting = new Map<number, Seen>();
  let flushing: Promise<void> = Promise.resolve();

  const writeAll = async (batch: ReadonlyMap<number, Seen>): Promise<void> => {
    for (const [org, { credentials, memberships }] of batch) {
      const rows: SeenRow[] = [
        ...[...credentials].map(([id, at]) => ({ kind: 'credential' as const, id, at })),
        ...[...memberships].map(([id, at]) => ({ kind: 'membership' as const, id, at })),
      ];
      for (let from = 0; from < rows.length; from += ROWS_PER_WRITE) {
        const chunk = rows.slice(from, from + ROWS_PER_WRITE);
        const context = {
          orgs: [org],
          by: { kind: 'system', id: '', name: 'usage' },
          origin: 'system',
        } as const;
        await store.write(context, (tx) => writeSeen(tx, org, chunk)).catch(onError);
      }
    }
  };
  const flush = (): Promise<void> => {
    const batch = waiting;
    waiting = new Map();
    // One batch after the other: an older time must not overwrite a newer one.
    flushing = flushing.then(() => writeAll(batch));
    return flushing;
  };
  const timer = setInterval(() => {
    if (waiting.size > 0) void flush();
  }, flushEveryMs);
  timer.unref();

  const seenOf = (org: number): Seen => {
    let seen = waiting.get(org);
    if (seen === undefined) {
      seen = { credentials: new Map(), memberships: new Map() };
      waiting.set(org, seen);
    }
    return seen;
  };

  return {
    record: ({ org, credential, membership }) => {
      const now = clock.now();
      if (isDue(`c${org}/${credential}`, now)) seenOf(org).credentials.set(credential, now);
      if (membership !== null && isDue(`m${org}/${membership}`, now))
        seenOf(org).memberships.set(membership, now);
    },
    flush,
    close: async () => {
      clearInterval(timer);
      await flush();
    },
  };
}
