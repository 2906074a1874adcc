/** The webhooks' part of the outbox, in plain statements: what is written here is followed by nobody. */

import type { Store } from '../domain/ports/store.ts';
import type {
  DeliveryOutcome,
  QueuedEntry,
  WebhookCursor,
  WebhookQueue,
} from '../domain/ports/webhook-queue.ts';
import { storableText } from '../kernel/text.ts';
import type { Connection, Engine } from './engine.ts';
import type { StoredRow } from './rows.ts';
import { withPlaceholders } from './statements.ts';

const MAX_TEXT = 1_000;

const storable = (text: string | null): string | null =>
  text === null ? null : storableText(text, MAX_TEXT);

const entryOf = (row: StoredRow): QueuedEntry => ({
  org: Number(row.org),
  id: Number(row.id),
  seq: Number(row.seq),
  target: String(row.target),
  payload: JSON.parse(String(row.payload)) as unknown,
  createdAt: Number(row.createdAt),
});

const cursorOf = (row: StoredRow): WebhookCursor => ({
  webhook: Number(row.webhook),
  seq: Number(row.seq),
  attempt: Number(row.attempt),
  runAt: Number(row.runAt),
});

export function createWebhookQueue({
  engine,
  store,
}: {
  readonly engine: Engine;
  readonly store: Pick<Store, 'newId'>;
}): WebhookQueue {
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  const columns = '"org", "id", "seq", "target", "payload", "createdAt"';
  const selectShared = text(
    `SELECT ${columns} FROM "outbox" WHERE "org" = ? AND "kind" = 'webhook' AND "target" = '' AND "seq" > ? ORDER BY "seq" LIMIT ?`,
  );
  const selectAddressed = text(
    `SELECT ${columns} FROM "outbox" WHERE "org" = ? AND "kind" = 'webhook' AND "target" > '' ORDER BY "seq" LIMIT ?`,
  );
  const selectCursors = text('SELECT * FROM "webhookCursor" WHERE "org" = ?');
  const putCursor = text(
    `INSERT INTO "webhookCursor" ("org", "webhook", "seq", "attempt", "runAt") VALUES (?, ?, ?, ?, ?)
     ON CONFLICT ("org", "webhook") DO UPDATE SET "seq" = EXCLUDED."seq", "attempt" = EXCLUDED."attempt", "runAt" = EXCLUDED."runAt"
     WHERE "webhookCursor"."seq" <= EXCLUDED."seq"`,
  );
  const removeCursor = text('DELETE FROM "webhookCursor" WHERE "org" = ? AND "webhook" = ?');
  const removeEntry = text('DELETE FROM "outbox" WHERE "org" = ? AND "id" = ?');
  const insertLine = text(
    `INSERT INTO "delivery" ("org", "id", "webhook", "event", "status", "error", "attempt", "at") VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const pruneShared = text(
    `DELETE FROM "outbox" WHERE "org" = ? AND "kind" = 'webhook' AND "target" = '' AND "seq" <= ? RETURNING "id"`,
  );
  const oldestKept = text(
    `SELECT "seq" FROM "outbox" WHERE "org" = ? AND "kind" = 'webhook' AND "target" = '' ORDER BY "seq" DESC LIMIT 1 OFFSET ?`,
  );
  const pruneLines = text(
    `DELETE FROM "delivery" WHERE "org" = ? AND "webhook" = ? AND "at" < (
       SELECT "at" FROM "delivery" WHERE "org" = ? AND "webhook" = ? ORDER BY "at" DESC LIMIT 1 OFFSET ?)`,
  );

  const recordOne = async (
    connection: Connection,
    { org, webhook, cursor, log, done }: DeliveryOutcome,
    ids: readonly number[],
  ): Promise<void> => {
    if (cursor === null) await connection.run(removeCursor, [org, webhook]);
    else await connection.run(putCursor, [org, webhook, cursor.seq, cursor.attempt, cursor.runAt]);
    for (const id of done) await connection.run(removeEntry, [org, id]);
    for (const [index, line] of log.entries()) {
      const { status, attempt, at } = line;
      const texts = [storable(line.event) ?? '', storable(line.error)] as const;
      await connection.run(insertLine, [
        org,
        ids[index] ?? 0,
        webhook,
        texts[0],
        status,
        texts[1],
        attempt,
        at,
      ]);
    }
  };

  return {
    organizations: async () => {
      const rows = await engine.run(`SELECT DISTINCT "org" FROM "outbox" WHERE "kind" = 'webhook'`, []);
      return rows.map(({ org }) => Number(org));
    },
    shared: async (org, afterSeq, limit) =>
      (await engine.run(selectShared, [org, afterSeq, limit])).map(entryOf),
    addressed: async (org, limit) => (await engine.run(selectAddressed, [org, limit])).map(entryOf),
    cursors: async (org) => (await engine.run(selectCursors, [org])).map(cursorOf),
    record: async (outcomes) => {
      const ids: number[][] = [];
      for (const { log } of outcomes) {
        const own: number[] = [];
        for (const _ of log) own.push(await store.newId());
        ids.push(own);
      }
      await engine.transaction(async (connection) => {
        for (const [index, outcome] of outcomes.entries())
          await recordOne(connection, outcome, ids[index] ?? []);
      });
    },
    prune: async (org, throughSeq, keep) => {
      const [oldest] = await engine.run(oldestKept, [org, keep]);
      const through = Math.max(throughSeq, oldest === undefined ? 0 : Number(oldest.seq));
      const removed = await engine.transaction((connection) => connection.run(pruneShared, [org, through]));
      return removed.length;
    },
    pruneLog: async (org, webhook, keep) => {
      await engine.transaction((connection) =>
        connection.run(pruneLines, [org, webhook, org, webhook, keep - 1]),
      );
    },
  };
}
