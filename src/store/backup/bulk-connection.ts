/** One connection for moving whole tables in bounded memory: rows are streamed as arrays of stored values. */
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import type { StoredValue } from '../rows.ts';
import { type Placeholder, postgresPlaceholder, sqlitePlaceholder } from '../statements.ts';

export interface BulkConnection {
  readonly name: 'sqlite' | 'postgres';
  readonly placeholder: Placeholder;
  run(sql: string, parameters?: readonly StoredValue[]): Promise<void>;
  /** The rows of a SELECT, some hundreds at a time. Only inside a transaction, and one at a time. */
  stream(sql: string): AsyncIterable<readonly (readonly StoredValue[])[]>;
  close(): Promise<void>;
}

const CHUNK = 500;
const BUSY_TIMEOUT_MS = 10_000;
const INT8 = 20;

export function openSqliteBulk(file: string, mode: 'read' | 'write'): BulkConnection {
  const database = new DatabaseSync(file, { readOnly: mode === 'read', timeout: BUSY_TIMEOUT_MS });
  return {
    name: 'sqlite',
    placeholder: sqlitePlaceholder,
    run: async (sql, parameters = []) => {
      if (parameters.length === 0) database.exec(sql);
      else database.prepare(sql).run(...parameters);
    },
    stream: async function* (sql) {
      const statement = database.prepare(sql);
      statement.setReturnArrays(true);
      let chunk: StoredValue[][] = [];
      // With setReturnArrays rows are arrays; the types of node:sqlite know only objects.
      for (const row of statement.iterate() as Iterable<unknown>) {
        chunk.push(row as StoredValue[]);
        if (chunk.length < CHUNK) continue;
        yield chunk;
        chunk = [];
      }
      if (chunk.length > 0) yield chunk;
    },
    close: async () => database.close(),
  };
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

export async function openPostgresBulk(url: string): Promise<BulkConnection> {
  const client = new pg.Client({ connectionString: url, types, application_name: 'holdfast backup' });
  // A connection that breaks fails the call that waits for it; this only keeps the process alive.
  client.on('error', () => undefined);
  await client.connect();
  return {
    name: 'postgres',
    placeholder: postgresPlaceholder,
    run: async (sql, parameters = []) => {
      await client.query(sql, [...parameters]);
    },
    stream: async function* (sql) {
      await client.query(`DECLARE "bulk" NO SCROLL CURSOR FOR ${sql}`);
      for (;;) {
        const { rows } = await client.query<StoredValue[]>({
          text: `FETCH ${CHUNK} FROM "bulk"`,
          rowMode: 'array',
        });
        if (rows.length > 0) yield rows;
        if (rows.length < CHUNK) break;
      }
      await client.query('CLOSE "bulk"');
    },
    close: () => client.end(),
  };
}
