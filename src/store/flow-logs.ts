/** Flow logs in plain statements: nobody follows them, and they would drown the change feed. */
import type { FlowLogs, NewFlowLog, StoredFlowLog } from '../domain/ports/flow-logs.ts';
import type { Connection, Engine } from './engine.ts';
import type { StoredRow } from './rows.ts';
import { insertText, withPlaceholders } from './statements.ts';

const COLUMNS = ['org', 'seq', 'device', 'loggedAt', 'startAt', 'endAt', 'bytes', 'traffic'];
const ROWS_PER_INSERT = 100;
/** What an organization's flow logs may take; then the oldest go, whatever their age. */
const MAX_BYTES = 1024 ** 3;
/** A row takes some bytes beside its traffic. */
const ROW_BYTES = 100;
const CHUNK = 500;

export interface FlowLogParts {
  readonly engine: Engine;
  readonly maxBytes?: number;
}

const storedOf = (row: StoredRow): StoredFlowLog => ({
  org: Number(row.org),
  seq: Number(row.seq),
  device: Number(row.device),
  loggedAt: Number(row.loggedAt),
  startAt: Number(row.startAt),
  endAt: Number(row.endAt),
  traffic: String(row.traffic),
});

const sizeOf = ({ traffic }: NewFlowLog): number => ROW_BYTES + Buffer.byteLength(traffic);

export function createFlowLogs({ engine, maxBytes = MAX_BYTES }: FlowLogParts): FlowLogs {
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  const columns = COLUMNS.map((name) => `"${name}"`).join(', ');
  // Holds the organization's row until the commit: numbers rise with the order of commits.
  const takeNumbers = text(
    `INSERT INTO "flowLogHead" ("org", "seq", "bytes", "spoofed") VALUES (?, ?, ?, ?)
     ON CONFLICT ("org") DO UPDATE SET "seq" = "flowLogHead"."seq" + EXCLUDED."seq",
       "bytes" = "flowLogHead"."bytes" + EXCLUDED."bytes", "spoofed" = "flowLogHead"."spoofed" + EXCLUDED."spoofed"
     RETURNING "seq", "bytes"`,
  );
  const selectBetween = text(
    `SELECT ${columns} FROM "flowLog" WHERE "org" = ? AND ("loggedAt", "seq") > (?, ?) AND "loggedAt" <= ?
     ORDER BY "loggedAt", "seq" LIMIT ?`,
  );
  const selectAfter = text(
    `SELECT ${columns} FROM "flowLog" WHERE "org" = ? AND "seq" > ? ORDER BY "seq" LIMIT ?`,
  );
  const oldest = text('SELECT "seq", "bytes" FROM "flowLog" WHERE "org" = ? ORDER BY "seq" LIMIT ?');

  const insert = async (
    connection: Connection,
    org: number,
    records: readonly NewFlowLog[],
    loggedAt: number,
  ): Promise<number> => {
    const sizes = records.map(sizeOf);
    const added = sizes.reduce((sum, size) => sum + size, 0);
    const [head] = await connection.run(takeNumbers, [org, records.length, added, 0]);
    const first = Number(head?.seq) - records.length + 1;
    const rows = records.map(({ device, startAt, endAt, traffic }, index) => [
      ...[org, first + index, device, loggedAt, startAt, endAt, sizes[index] ?? 0, traffic],
    ]);
    for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
      const chunk = rows.slice(from, from + ROWS_PER_INSERT);
      await connection.run(insertText(engine.placeholder, 'flowLog', COLUMNS, chunk.length), chunk.flat());
    }
    return Number(head?.bytes) - maxBytes;
  };

  const dropOldest = async (connection: Connection, org: number, excess: number): Promise<void> => {
    let left = excess;
    while (left > 0) {
      const rows = await connection.run(oldest, [org, CHUNK]);
      let last = 0;
      for (const row of rows) {
        if (left <= 0) break;
        left -= Number(row.bytes);
        last = Number(row.seq);
      }
      if (last === 0) return;
      await removeThrough(engine, connection, org, last);
    }
  };

  return {
    append: async (records, loggedAt) => {
      const byOrg = Map.groupBy(records, ({ org }) => org);
      // In one order everywhere: two writers never wait for each other in a circle.
      const orgs = [...byOrg.keys()].sort((a, b) => a - b);
      await engine.transaction(async (connection) => {
        for (const org of orgs) {
          const excess = await insert(connection, org, byOrg.get(org) ?? [], loggedAt);
          if (excess > 0) await dropOldest(connection, org, excess);
        }
      });
    },
    countSpoofed: async (org, entries) => {
      await engine.transaction((connection) => connection.run(takeNumbers, [org, 0, 0, entries]));
    },
    between: async (org, { from, to }, after, limit) => {
      const place = after === undefined ? [from, 0] : [after.loggedAt, after.seq];
      return (await engine.run(selectBetween, [org, ...place, to, limit])).map(storedOf);
    },
    after: async (org, afterSeq, limit) =>
      (await engine.run(selectAfter, [org, afterSeq, limit])).map(storedOf),
  };
}

async function removeThrough(
  engine: Engine,
  connection: Connection,
  org: number,
  seq: number,
): Promise<number> {
  const remove = 'DELETE FROM "flowLog" WHERE "org" = ? AND "seq" <= ? RETURNING "bytes"';
  const rows = await connection.run(withPlaceholders(engine.placeholder, remove), [org, seq]);
  const freed = rows.reduce((sum, row) => sum + Number(row.bytes), 0);
  const less = 'UPDATE "flowLogHead" SET "bytes" = "bytes" - ? WHERE "org" = ?';
  await connection.run(withPlaceholders(engine.placeholder, less), [freed, org]);
  return rows.length;
}

/** Removes what was logged before `cutoff`, `chunk` rows a transaction. How many. */
export async function pruneFlowLogs(engine: Engine, cutoff: number, chunk: number): Promise<number> {
  const old = withPlaceholders(
    engine.placeholder,
    'SELECT "seq", "loggedAt" FROM "flowLog" WHERE "org" = ? ORDER BY "seq" LIMIT ?',
  );
  let total = 0;
  for (const { org } of await engine.run('SELECT "org" FROM "flowLogHead" ORDER BY "org"', [])) {
    for (;;) {
      const rows = await engine.run(old, [Number(org), chunk]);
      const last = rows.findLast(({ loggedAt }) => Number(loggedAt) < cutoff);
      if (last === undefined) break;
      total += await engine.transaction((connection) =>
        removeThrough(engine, connection, Number(org), Number(last.seq)),
      );
      if (rows.length < chunk || last !== rows.at(-1)) break;
    }
  }
  return total;
}
