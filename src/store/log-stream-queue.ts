/** The places of log streams, in plain statements: what is written here is followed by nobody. */
import type { LogStreamCursor, LogStreamQueue, LogType } from '../domain/ports/log-stream-queue.ts';
import { storableText } from '../kernel/text.ts';
import type { Engine } from './engine.ts';
import type { StoredRow, StoredValue } from './rows.ts';
import { withPlaceholders } from './statements.ts';

const MAX_TEXT = 1_000;
const COLUMNS = [
  ...['org', 'logType', 'since', 'seq', 'attempt', 'runAt', 'triedAt', 'counts', 'lastActivity', 'lastError'],
] as const;

const logTypeOf = (row: StoredRow): LogType => (row.logType === 'network' ? 'network' : 'configuration');

const cursorOf = (row: StoredRow): LogStreamCursor => ({
  org: Number(row.org),
  logType: logTypeOf(row),
  since: Number(row.since),
  seq: Number(row.seq),
  attempt: Number(row.attempt),
  runAt: Number(row.runAt),
  triedAt: Number(row.triedAt),
  counts: JSON.parse(String(row.counts)) as Record<string, number>,
  lastActivity: row.lastActivity === null ? null : Number(row.lastActivity),
  lastError: String(row.lastError),
});

export function createLogStreamQueue({ engine }: { readonly engine: Engine }): LogStreamQueue {
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  const cursorColumns = COLUMNS.slice(2)
    .map((name) => `c."${name}" AS "${name}"`)
    .join(', ');
  const selectStreams = text(
    `SELECT s."org" AS "org", s."logType" AS "logType", s."createdAt" AS "createdAt", s."updatedAt" AS "updatedAt",
       h."auditSeq" AS "auditSeq", f."seq" AS "flowSeq", ${cursorColumns}
     FROM "logStream" s
     LEFT JOIN "logStreamCursor" c ON c."org" = s."org" AND c."logType" = s."logType"
     LEFT JOIN "organizationHead" h ON h."org" = s."org"
     LEFT JOIN "flowLogHead" f ON f."org" = s."org"`,
  );
  const selectCursor = text('SELECT * FROM "logStreamCursor" WHERE "org" = ? AND "logType" = ?');
  const firstSince = {
    configuration: text(
      'SELECT "seq" FROM "auditEvent" WHERE "org" = ? AND "at" >= ? ORDER BY "at", "seq" LIMIT 1',
    ),
    network: text(
      'SELECT "seq" FROM "flowLog" WHERE "org" = ? AND "loggedAt" >= ? ORDER BY "loggedAt", "seq" LIMIT 1',
    ),
  };
  const headOf = {
    configuration: text('SELECT "auditSeq" AS "seq" FROM "organizationHead" WHERE "org" = ?'),
    network: text('SELECT "seq" FROM "flowLogHead" WHERE "org" = ?'),
  };
  const selectSpoofed = text('SELECT "spoofed" FROM "flowLogHead" WHERE "org" = ?');
  const assigned = COLUMNS.slice(2)
    .map((name) => `"${name}" = EXCLUDED."${name}"`)
    .join(', ');
  const putCursor = text(
    `INSERT INTO "logStreamCursor" (${COLUMNS.map((name) => `"${name}"`).join(', ')})
     VALUES (${COLUMNS.map(() => '?').join(', ')}) ON CONFLICT ("org", "logType") DO UPDATE SET ${assigned}
     WHERE "logStreamCursor"."since" < EXCLUDED."since"
       OR ("logStreamCursor"."since" = EXCLUDED."since" AND "logStreamCursor"."seq" <= EXCLUDED."seq")`,
  );

  return {
    streams: async () =>
      (await engine.run(selectStreams, [])).map((row) => ({
        org: Number(row.org),
        logType: logTypeOf(row),
        createdAt: Number(row.createdAt),
        updatedAt: Number(row.updatedAt),
        head: Number((logTypeOf(row) === 'network' ? row.flowSeq : row.auditSeq) ?? 0),
        cursor: row.since === null ? undefined : cursorOf(row),
      })),
    placeAt: async (org, logType, since) => {
      const [first] = await engine.run(firstSince[logType], [org, since]);
      if (first !== undefined) return Number(first.seq) - 1;
      const [head] = await engine.run(headOf[logType], [org]);
      return Number(head?.seq ?? 0);
    },
    record: async (cursor) => {
      const stored = {
        ...cursor,
        counts: JSON.stringify(cursor.counts),
        lastError: storableText(cursor.lastError, MAX_TEXT),
      };
      const values: StoredValue[] = COLUMNS.map((name) => stored[name]);
      await engine.transaction((connection) => connection.run(putCursor, values));
    },
    cursor: async (org, logType) => {
      const [row] = await engine.run(selectCursor, [org, logType]);
      return row === undefined ? undefined : cursorOf(row);
    },
    spoofed: async (org) => Number((await engine.run(selectSpoofed, [org]))[0]?.spoofed ?? 0),
  };
}
