/** A lease by name: a row that says who has it until when. */
import { INSTALLATION } from '../domain/ports/store.ts';
import type { NamedLease } from '../domain/ports/webhook-queue.ts';
import { POSTGRES_NOW } from './database-clock.ts';
import type { Engine } from './engine.ts';
import { withPlaceholders } from './statements.ts';

export interface NamedLeaseParts {
  readonly engine: Engine;
  readonly name: string;
  /** Names the process. */
  readonly holder: string;
}

/** On SQLite there is one process, which has every lease. */
export function createNamedLease({ engine, name, holder }: NamedLeaseParts): NamedLease {
  if (engine.name === 'sqlite') return { hold: async () => true, release: async () => undefined };
  const now = POSTGRES_NOW;
  const take = withPlaceholders(
    engine.placeholder,
    `INSERT INTO "lease" ("org", "name", "holder", "fence", "expiresAt", "data")
     VALUES (${INSTALLATION}, ?, ?, 1, ${now} + CAST(? AS BIGINT), '')
     ON CONFLICT ("org", "name") DO UPDATE
       SET "holder" = EXCLUDED."holder", "fence" = "lease"."fence" + 1, "expiresAt" = EXCLUDED."expiresAt"
       WHERE "lease"."holder" = EXCLUDED."holder" OR "lease"."expiresAt" < ${now}
     RETURNING "holder"`,
  );
  const give = withPlaceholders(
    engine.placeholder,
    `UPDATE "lease" SET "expiresAt" = 0 WHERE "org" = ${INSTALLATION} AND "name" = ? AND "holder" = ?`,
  );
  return {
    hold: async (ttlMs) =>
      (await engine.transaction((connection) => connection.run(take, [name, holder, ttlMs]))).length > 0,
    release: async () => {
      await engine.transaction((connection) => connection.run(give, [name, holder]));
    },
  };
}
