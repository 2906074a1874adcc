/** The query builder: it only compiles, statements run on our own connections. */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Connection, Engine } from './engine.ts';
import type { StoredRow, StoredValue } from './rows.ts';

/** Column types as stored; names are checked against the model, which is data. */
export type Tables = Record<string, Record<string, StoredValue>>;
export type Builder = Kysely<Tables>;

export function createBuilder(engine: Pick<Engine, 'name'>): Builder {
  const postgres = engine.name === 'postgres';
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => (postgres ? new PostgresAdapter() : new SqliteAdapter()),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => (postgres ? new PostgresIntrospector(db) : new SqliteIntrospector(db)),
      createQueryCompiler: () => (postgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler()),
    },
  });
}

export async function runBuilt(connection: Connection, query: Compilable): Promise<StoredRow[]> {
  const compiled = query.compile();
  return connection.run(compiled.sql, compiled.parameters as readonly StoredValue[]);
}
