/** Removes old rows of the feed and what was given up, in pieces that hold up no writer. */
import { entities } from '../domain/model/entities.ts';
import type { Pruned, Retention } from '../domain/ports/retention.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { invalid } from '../kernel/errors.ts';
import type { Engine } from './engine.ts';
import { pruneFlowLogs } from './flow-logs.ts';
import type { StoredValue } from './rows.ts';
import { withPlaceholders } from './statements.ts';

/** A live replica is never this far behind; one that is learns from the feed that changes are missing. */
const MIN_FEED_MS = 10 * MINUTE;
const CHUNK = 500;

const VOLATILE_KINDS = Object.entries(entities)
  .filter(([, spec]) => spec.volatile)
  .map(([kind]) => kind);

export interface RetentionParts {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Rows a transaction. */
  readonly chunk?: number;
}

export function createRetention({ engine, clock, chunk = CHUNK }: RetentionParts): Retention {
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  const isVolatile = engine.lists.oneOf('"kind"', 'text').join('?');
  // The newest change stays whatever its age: with it a follower can tell that others before it are missing.
  const notNewest = '"seq" < (SELECT "seq" FROM "organizationHead" WHERE "org" = ?)';
  const pruneVolatile = text(
    `DELETE FROM "change" WHERE "org" = ? AND "seq" IN (
       SELECT "seq" FROM "change" WHERE "org" = ? AND ${isVolatile} AND "at" < ? AND ${notNewest} LIMIT ?
     ) RETURNING "seq"`,
  );
  // Times rise with numbers, so the old ones come first, and the search ends at the first that is not old.
  const oldest = text(
    `SELECT "seq", "at" FROM "change" WHERE "org" = ? AND ${notNewest} ORDER BY "seq" LIMIT ?`,
  );
  const pruneThrough = text('DELETE FROM "change" WHERE "org" = ? AND "seq" <= ? RETURNING "seq"');
  const pruneDead = text(
    `DELETE FROM "outbox" WHERE ("org", "id") IN (
       SELECT "org", "id" FROM "outbox" WHERE "dead" < ? LIMIT ?
     ) RETURNING "id"`,
  );

  const remove = async (sql: string, parameters: readonly StoredValue[]): Promise<number> =>
    (await engine.transaction((connection) => connection.run(sql, parameters))).length;
  const removeAll = async (sql: string, parameters: readonly StoredValue[]): Promise<number> => {
    let total = 0;
    for (;;) {
      const removed = await remove(sql, parameters);
      total += removed;
      if (removed < chunk) return total;
    }
  };

  const removeHistory = async (org: number, cutoff: number): Promise<number> => {
    let total = 0;
    for (;;) {
      const rows = await engine.run(oldest, [org, org, chunk]);
      const young = rows.findIndex(({ at }) => Number(at) >= cutoff);
      const last = rows.at(young === -1 ? -1 : young - 1);
      if (young === 0 || last === undefined) return total;
      total += await remove(pruneThrough, [org, Number(last.seq)]);
      if (young !== -1) return total;
    }
  };

  return {
    prune: async ({ volatileMs, historyMs, deadMs, flowLogMs }) => {
      if (!(volatileMs >= MIN_FEED_MS)) {
        throw invalid(`changes must be kept for ${MIN_FEED_MS / MINUTE} minutes at least`, 'volatileMs');
      }
      if (!(historyMs >= volatileMs))
        throw invalid('history is kept as long as volatile changes at least', 'historyMs');
      const now = clock.now();
      const kinds = engine.lists.encode(VOLATILE_KINDS);
      let changes = 0;
      for (const { org } of await engine.run('SELECT "org" FROM "organizationHead" ORDER BY "org"', [])) {
        const one = Number(org);
        changes += await removeHistory(one, now - historyMs);
        changes += await removeAll(pruneVolatile, [one, one, kinds, now - volatileMs, one, chunk]);
      }
      const removed: Pruned = {
        changes,
        outbox: await removeAll(pruneDead, [now - deadMs, chunk]),
        flowLogs: await pruneFlowLogs(engine, now - flowLogMs, chunk),
      };
      return removed;
    },
  };
}
