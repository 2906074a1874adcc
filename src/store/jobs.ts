/** Outbox and jobs over an engine: claimed by one conditional UPDATE ... RETURNING, given back by what the claim set. */
import type {
  Claimed,
  ClaimedJob,
  ClaimedOutbox,
  ClaimOptions,
  Failure,
  Jobs,
  Outbox,
} from '../domain/ports/jobs.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { storableText } from '../kernel/text.ts';
import type { Engine } from './engine.ts';
import type { StoredRow, StoredValue } from './rows.ts';
import { withPlaceholders } from './statements.ts';

const DEFAULT_MAX_ATTEMPTS = 10;
const MAX_ERROR_LENGTH = 1_000;

export interface QueueParts {
  readonly engine: Engine;
  readonly clock: Clock;
}

type Table = 'outbox' | 'job';

function createQueue({ engine, clock }: QueueParts, table: Table) {
  const change = async (sql: string, parameters: readonly StoredValue[]): Promise<StoredRow[]> =>
    engine.transaction((connection) => connection.run(sql, parameters));
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);

  // The condition stands twice: a row that another process claims between the choice and the change is looked at again.
  const isFree = '("lockedUntil" IS NULL OR "lockedUntil" <= ?)';
  const claimText = text(
    `UPDATE "${table}" SET "lockedBy" = ?, "lockedUntil" = ?, "attempt" = "attempt" + 1
     WHERE ("org", "id") IN (
       SELECT "org", "id" FROM "${table}"
       WHERE "kind" = ? AND "dead" IS NULL AND "runAt" <= ? AND ${isFree}
       ORDER BY "runAt", "id" LIMIT ?${engine.forUpdateSkipLocked}
     ) AND ${isFree} RETURNING *`,
  );
  const held = '"org" = ? AND "id" = ? AND "lockedBy" = ? AND "attempt" = ?';
  const heldBy = (item: Claimed): StoredValue[] => [item.org, item.id, item.lockedBy, item.attempt];
  const completeText = text(`DELETE FROM "${table}" WHERE ${held} RETURNING "id"`);
  const failText = text(
    `UPDATE "${table}" SET "lockedBy" = NULL, "lockedUntil" = NULL, "runAt" = ?, "dead" = ?, "lastError" = ? WHERE ${held} RETURNING "id"`,
  );
  const extendText = text(`UPDATE "${table}" SET "lockedUntil" = ? WHERE ${held} RETURNING "id"`);

  return {
    claim: async (kind: string, { holder, limit, lockMs }: ClaimOptions): Promise<StoredRow[]> => {
      const now = clock.now();
      const rows = await change(claimText, [holder, now + lockMs, kind, now, now, limit, now]);
      // RETURNING keeps no order.
      return rows.sort((a, b) => Number(a.runAt) - Number(b.runAt) || Number(a.id) - Number(b.id));
    },
    complete: async (item: Claimed): Promise<boolean> =>
      (await change(completeText, heldBy(item))).length > 0,
    fail: async (item: Claimed, failure: Failure): Promise<boolean> => {
      const now = clock.now();
      const [runAt, dead] = 'dead' in failure ? [now, now] : [failure.retryAt, null];
      const error = storableText(failure.error, MAX_ERROR_LENGTH);
      return (await change(failText, [runAt, dead, error, ...heldBy(item)])).length > 0;
    },
    extend: async (item: Claimed, lockMs: number): Promise<boolean> =>
      (await change(extendText, [clock.now() + lockMs, ...heldBy(item)])).length > 0,
  };
}

const claimedOf = (row: StoredRow): Claimed => ({
  org: Number(row.org),
  id: Number(row.id),
  payload: JSON.parse(String(row.payload)) as unknown,
  attempt: Number(row.attempt),
  lockedBy: String(row.lockedBy),
});

export function createOutbox(parts: QueueParts): Outbox {
  const queue = createQueue(parts, 'outbox');
  return {
    ...queue,
    claim: async (kind, options) =>
      (await queue.claim(kind, options)).map(
        (row): ClaimedOutbox => ({
          ...claimedOf(row),
          kind,
          target: String(row.target),
          createdAt: Number(row.createdAt),
        }),
      ),
  };
}

export function createJobs(parts: QueueParts & { readonly store: Pick<Store, 'newId'> }): Jobs {
  const { engine, clock, store } = parts;
  const queue = createQueue(parts, 'job');
  const insert = withPlaceholders(
    engine.placeholder,
    'INSERT INTO "job" ("org", "id", "kind", "payload", "runAt", "attempt", "maxAttempts") VALUES (?, ?, ?, ?, ?, 0, ?)',
  );
  return {
    ...queue,
    add: async (org, { kind, payload, runAt = clock.now(), maxAttempts = DEFAULT_MAX_ATTEMPTS }) => {
      const id = await store.newId();
      const values = [org, id, kind, JSON.stringify(payload) ?? 'null', runAt, maxAttempts];
      await engine.transaction((connection) => connection.run(insert, values));
      return id;
    },
    claim: async (kind, options) =>
      (await queue.claim(kind, options)).map(
        (row): ClaimedJob => ({ ...claimedOf(row), kind, maxAttempts: Number(row.maxAttempts) }),
      ),
  };
}
