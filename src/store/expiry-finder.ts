import type { ExpiryFinder } from '../domain/ports/webhook-queue.ts';
import type { Engine } from './engine.ts';
import { decodeRow } from './rows.ts';
import { withPlaceholders } from './statements.ts';

export function createExpiryFinder(engine: Engine): ExpiryFinder {
  const text = (sql: string): string => withPlaceholders(engine.placeholder, sql);
  const selectEnding = text(
    `SELECT * FROM "device" WHERE "org" IN (SELECT "org" FROM "webhook") AND "expiryDisabled" = 0
       AND "keyExpiresAt" > ? AND "keyExpiresAt" <= ? AND ("org" > ? OR ("org" = ? AND "id" > ?))
     ORDER BY "org", "id" LIMIT ?`,
  );
  return {
    ending: async (from, to, after, limit) => {
      const { org, id } = after ?? { org: 0, id: 0 };
      const rows = await engine.run(selectEnding, [from, to, org, org, id, limit]);
      return rows.map((row) => decodeRow('device', row));
    },
  };
}
