/**
 * Brings a database to the program's version: forward only, one transaction a step, one process at a time.
 *
 * The lock is a row, not an advisory lock: distributed engines that speak PostgreSQL's protocol have no such locks, and
 * poolers lose them.
 */
import { AppError } from '../kernel/errors.ts';
import type { Connection, Engine } from './engine.ts';
import { initialModel } from './migrations/0001-model.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  up(engine: Engine, connection: Connection): Promise<void>;
}

/** In order. A migration that has been released is never edited. */
const migrations: readonly Migration[] = [initialModel];

export const SCHEMA_VERSION = migrations.length;

async function versionOf(connection: Connection, lock: string): Promise<number> {
  const rows = await connection.run(`SELECT "version" FROM "schemaVersion" WHERE "id" = 1${lock}`, []);
  return Number(rows[0]?.version ?? 0);
}

/** The version of the database without changing it; 0 when it is empty. */
export async function databaseVersion(engine: Engine): Promise<number> {
  try {
    return await versionOf(engine, '');
  } catch {
    return 0;
  }
}

export async function migrate(engine: Engine): Promise<{ readonly from: number; readonly to: number }> {
  const found = await databaseVersion(engine);
  if (found > SCHEMA_VERSION) {
    throw new AppError(
      'conflict',
      `the database is of version ${found} and this program knows version ${SCHEMA_VERSION}: start a newer program`,
    );
  }
  if (found === SCHEMA_VERSION) return { from: found, to: found };
  await engine
    .run(
      `CREATE TABLE IF NOT EXISTS "schemaVersion" ("id" ${engine.types.integer} PRIMARY KEY, "version" ${engine.types.integer} NOT NULL)`,
      [],
    )
    // Two processes may make it at the same moment; PostgreSQL lets one of them fail.
    .catch(() => undefined);
  await engine.run('INSERT INTO "schemaVersion" ("id", "version") VALUES (1, 0) ON CONFLICT DO NOTHING', []);
  for (const migration of migrations) {
    await engine.transaction(async (connection) => {
      const version = await versionOf(connection, engine.forUpdate);
      if (version >= migration.version) return;
      await migration.up(engine, connection);
      await connection.run(`UPDATE "schemaVersion" SET "version" = ${migration.version} WHERE "id" = 1`, []);
    });
  }
  return { from: found, to: SCHEMA_VERSION };
}
