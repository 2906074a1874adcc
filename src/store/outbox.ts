/** The outbox over an engine: claimed by one conditional UPDATE ... RETURNING, given back by what the claim set. */
import type { ClaimedOutbox, Outbox } from '../domain/ports/outbox.ts';
import type { OutboxEntry } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { storableText } from '../kernel/text.ts';
import { POSTGRES_NOW } from './database-clock.ts';
import type { Engine } from './engine.ts';
import type { StoredRow, StoredValue } from './rows.ts';
import { withPlaceholders } from './statements.ts';

const MAX_ERROR_LENGTH = 1_000;

export interface OutboxParts {
  readonly engine: Engine;
  readonly clock: Clock;
}

export function createOutbox({ engine, clock }: OutboxParts): Outbox {
  const change = async (sql: string, parameters: readonly StoredValue[]): Promise<StoredRow[]> =>
    engine.transaction((connection) => connection.run(sql, parameters));
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  // Who may take an item is the same for all processes, whatever their clocks say; when it is due, each says by its own.
  const isShared = engine.name === 'postgres';
  const lockedFor = isShared ? `${POSTGRES_NOW} + CAST(? AS BIGINT)` : '?';
  const lockValue = (lockMs: number): number => (isShared ? lockMs : clock.now() + lockMs);
  const freeValues = (now: number): StoredValue[] => (isShared ? [] : [now]);

  // The condition stands twice: a row that another process claims between the choice and the change is looked at again.
  const isFree = `("lockedUntil" IS NULL OR "lockedUntil" <= ${isShared ? POSTGRES_NOW : '?'})`;
  const claimText = text(
    `UPDATE "outbox" SET "lockedBy" = ?, "lockedUntil" = ${lockedFor}, "attempt" = "attempt" + 1
     WHERE ("org", "id") IN (
       SELECT "org", "id" FROM "outbox"
       WHERE "kind" = ? AND "dead" IS NULL AND "runAt" <= ? AND ${isFree}
       ORDER BY "runAt", "id" LIMIT ?${engine.forUpdateSkipLocked}
     ) AND ${isFree} RETURNING *`,
  );
  const held = '"org" = ? AND "id" = ? AND "lockedBy" = ? AND "attempt" = ?';
  const heldBy = (item: ClaimedOutbox): StoredValue[] => [item.org, item.id, item.lockedBy, item.attempt];
  const completeText = text(`DELETE FROM "outbox" WHERE ${held} RETURNING "id"`);
  const failText = text(
    `UPDATE "outbox" SET "lockedBy" = NULL, "lockedUntil" = NULL, "runAt" = ?, "dead" = ?, "lastError" = ? WHERE ${held} RETURNING "id"`,
  );
  const extendText = text(`UPDATE "outbox" SET "lockedUntil" = ${lockedFor} WHERE ${held} RETURNING "id"`);

  return {
    claim: async (kind, { holder, limit, lockMs }) => {
      const now = clock.now();
      const rows = await change(claimText, [
        ...[holder, lockValue(lockMs), kind, now, ...freeValues(now)],
        ...[limit, ...freeValues(now)],
      ]);
      // RETURNING keeps no order.
      rows.sort((a, b) => Number(a.runAt) - Number(b.runAt) || Number(a.id) - Number(b.id));
      return rows.map((row) => claimedOf(row, kind));
    },
    complete: async (item) => (await change(completeText, heldBy(item))).length > 0,
    fail: async (item, failure) => {
      const now = clock.now();
      const [runAt, dead] = 'dead' in failure ? [now, now] : [failure.retryAt, null];
      const error = storableText(failure.error, MAX_ERROR_LENGTH);
      return (await change(failText, [runAt, dead, error, ...heldBy(item)])).length > 0;
    },
    extend: async (item, lockMs) =>
      (await change(extendText, [lockValue(lockMs), ...heldBy(item)])).length > 0,
  };
}

const claimedOf = (row: StoredRow, kind: OutboxEntry['kind']): ClaimedOutbox => ({
  org: Number(row.org),
  id: Number(row.id),
  kind,
  target: String(row.target),
  payload: JSON.parse(String(row.payload)) as unknown,
  createdAt: Number(row.createdAt),
  attempt: Number(row.attempt),
  lockedBy: String(row.lockedBy),
});
