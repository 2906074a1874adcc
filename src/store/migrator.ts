/**
 * Brings a database to the program's version: forward only, one transaction a step, one process at a time.
 *
 * The lock is a row, not an advisory lock: distributed engines that speak PostgreSQL's protocol have no such locks, and
 * poolers lose them.
 */
import { AppError } from '../kernel/errors.ts';
import type { Connection, Engine } from './engine.ts';
import { initialModel } from './migrations/0001-model.ts';
import type { Migration } from './migrations/migration.ts';

/** In order. A migration that has been released is never edited. */
const migrations: readonly Migration[] = [initialModel];

export const SCHEMA_VERSION = migrations.length;

async function versionOf(connection: Connection, lock: string): Promise<number> {
  const rows = await connection.run(`SELECT "version" FROM "schemaVersion" WHERE "id" = 1${lock}`, []);
  return Number(rows[0]?.version ?? 0);
}

/** The version of the database without changing it; 0 when it is empty. Throws when it cannot be read. */
export async function databaseVersion(engine: Engine): Promise<number> {
  try {
    return await versionOf(engine, '');
  } catch (error) {
    if (engine.isMissingTable(error)) return 0;
    throw error;
  }
}

const requireKnown = (version: number): void => {
  if (version <= SCHEMA_VERSION) return;
  throw new AppError(
    'conflict',
    `the database is of version ${version} and this program knows version ${SCHEMA_VERSION}: start a newer program`,
  );
};

/** The row under which migrations run. Two processes may make it at the same moment; PostgreSQL lets one of them fail. */
async function createVersionRow(engine: Engine): Promise<void> {
  const { integer } = engine.types;
  const create = `CREATE TABLE IF NOT EXISTS "schemaVersion" ("id" ${integer} PRIMARY KEY, "version" ${integer} NOT NULL)`;
  try {
    await engine.transaction((connection) => connection.run(create, []));
  } catch (error) {
    const exists = await engine.run('SELECT 1 FROM "schemaVersion"', []).then(
      () => true,
      () => false,
    );
    if (!exists) throw error;
  }
  await engine.transaction((connection) =>
    connection.run('INSERT INTO "schemaVersion" ("id", "version") VALUES (1, 0) ON CONFLICT DO NOTHING', []),
  );
}

/**
 * Brings the database to version `upTo`, the program's own unless an older one is asked for (a backup is loaded into the
 * version it was made with). Errors: `conflict` when the database is newer than the program.
 */
export async function migrate(
  engine: Engine,
  upTo: number = SCHEMA_VERSION,
): Promise<{ readonly from: number; readonly to: number }> {
  const found = await databaseVersion(engine);
  requireKnown(found);
  if (found >= upTo) return { from: found, to: found };
  await createVersionRow(engine);
  for (const migration of migrations.slice(0, upTo)) {
    await engine.transaction(async (connection) => {
      const version = await versionOf(connection, engine.forUpdate);
      requireKnown(version);
      if (version >= migration.version) return;
      await migration.up(engine, connection);
      await connection.run(`UPDATE "schemaVersion" SET "version" = ${migration.version} WHERE "id" = 1`, []);
    });
  }
  return { from: found, to: upTo };
}
