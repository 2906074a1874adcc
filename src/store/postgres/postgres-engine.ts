/** PostgreSQL through `pg`. Only what PostgreSQL-compatible distributed engines also have: no triggers, no advisory locks. */
import pg from 'pg';
import type { Connection, Engine } from '../engine.ts';
import { columnsOfIndexName } from '../engine.ts';
import type { StoredRow } from '../rows.ts';
import { postgresPlaceholder } from '../statements.ts';

const MAX_CONNECTIONS = 20;
const CONNECT_TIMEOUT_MS = 10_000;
const LISTEN_RETRY_MS = 5_000;
const CHANNEL = 'holdfast_change';
const INT8 = 20;

const UNIQUE_VIOLATION = '23505';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';

const types: pg.CustomTypesConfig = {
  // Ids and times stay below 2^53, so int8 fits a number.
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

const connectionOf = (client: pg.Pool | pg.PoolClient): Connection => ({
  run: async (sql, parameters) => (await client.query<StoredRow>(sql, [...parameters])).rows,
});

export interface PostgresOptions {
  readonly url: string;
  /** Without LISTEN and NOTIFY changes of other processes are found by polling alone. */
  readonly notify: boolean;
  readonly onError: (error: unknown) => void;
}

export function openPostgres(options: PostgresOptions): Engine {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types,
    application_name: 'holdfast',
  });
  // Idle connections die when the database restarts; the pool opens new ones.
  pool.on('error', options.onError);

  let closed = false;
  let listener: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;

  const listen = async (callback: (org: number) => void): Promise<void> => {
    if (closed) return;
    const client = new pg.Client({ connectionString: options.url, application_name: 'holdfast listen' });
    const again = (): void => {
      if (closed || listener !== client) return;
      listener = undefined;
      client.end().catch(() => undefined);
      retry = setTimeout(() => void listen(callback), LISTEN_RETRY_MS).unref();
    };
    listener = client;
    client.on('error', again);
    client.on('end', again);
    client.on('notification', (message) => {
      const org = Number(message.payload);
      if (Number.isSafeInteger(org)) callback(org);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      options.onError(error);
      again();
    }
  };

  const transaction = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(connectionOf(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  };

  return {
    name: 'postgres',
    placeholder: postgresPlaceholder,
    forUpdate: ' FOR UPDATE',
    // One order of text everywhere, whatever the database was made with: the order of its bytes, as SQLite has it.
    types: { integer: 'BIGINT', real: 'DOUBLE PRECISION', text: 'TEXT COLLATE "C"' },
    run: connectionOf(pool).run,
    transaction,
    violatedColumns: (error) => {
      if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) return undefined;
      return columnsOfIndexName(error.constraint ?? '') ?? ['id'];
    },
    isRetryable: (error) =>
      error instanceof pg.DatabaseError && (error.code === SERIALIZATION_FAILURE || error.code === DEADLOCK),
    announce: (org) => {
      if (options.notify && !closed) {
        pool.query('SELECT pg_notify($1, $2)', [CHANNEL, String(org)]).catch(() => undefined);
      }
    },
    onAnnounced: (callback) => {
      if (options.notify) void listen(callback);
    },
    close: async () => {
      closed = true;
      clearTimeout(retry);
      await listener?.end().catch(() => undefined);
      await pool.end();
    },
  };
}
