/** The server processes that are alive: presence on any other is that of a process that is gone. */
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

const PREFIX = 'replica:';
const DATABASE_CLOCK = 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)';

export async function liveReplicas(parts: QueryParts, now: number): Promise<ReadonlySet<string>> {
  const { values, mark } = sqlValues(parts.placeholder);
  // Leases live on the clock of the database where processes share one.
  const clock = parts.name === 'postgres' ? DATABASE_CLOCK : mark(now);
  const sql = `SELECT "name", "holder" FROM "lease" WHERE "org" = 0 AND "expiresAt" > ${clock} AND "name" LIKE '${PREFIX}%'`;
  const rows = await parts.run(sql, values);
  // A lease that another process has claimed is a lost replica's.
  const held = rows.filter(({ name, holder }) => name === `${PREFIX}${holder}`);
  return new Set(held.map(({ holder }) => String(holder)));
}
