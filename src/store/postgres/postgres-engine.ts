/** PostgreSQL through `pg`. Only what PostgreSQL-compatible distributed engines also have: no triggers, no advisory locks. */
import pg from 'pg';
import type { Connection, Engine, Statement, UnitOfWork } from '../engine.ts';
import { columnsOfIndexName } from '../engine.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import { postgresLists, postgresPlaceholder } from '../statements.ts';
import { connectionLost, isUnavailable, sqlState } from './postgres-errors.ts';
import { createHints } from './postgres-hints.ts';
import { createStatementNames } from './statement-names.ts';

/** Writes and reads have connections of their own, so that neither kind can keep the other waiting. */
const WRITE_CONNECTIONS = 12;
const READ_CONNECTIONS = 8;
/** One writes while the next already waits at the database, so that no time passes between the two. */
const WRITERS_PER_ORGANIZATION = 2;
const CONNECT_TIMEOUT_MS = 10_000;
const INT8 = 20;

const UNIQUE_VIOLATION = '23505';
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const UNDEFINED_TABLE = '42P01';

/**
 * The isolation level is named because heads.ts builds on it, whatever the server's default. A process that stands still
 * in the middle of a write would keep its organizations locked for all others: the server ends such a transaction.
 */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '30s'";

const types: pg.CustomTypesConfig = {
  // Ids and times stay below 2^53, so int8 fits a number.
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

export interface PostgresOptions {
  readonly url: string;
  /** Without LISTEN and NOTIFY changes of other processes are found by polling alone. */
  readonly notify: boolean;
  readonly onError: (error: unknown) => void;
}

export function openPostgres(options: PostgresOptions): Engine {
  const names = createStatementNames();
  const shared: pg.PoolConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types,
    application_name: 'holdfast',
    keepAlive: true,
  };
  const readers = new pg.Pool({ ...shared, max: READ_CONNECTIONS });
  // Statements of a transaction are sent without waiting for the answers to those before them.
  const writers = new pg.Pool({ ...shared, max: WRITE_CONNECTIONS, pipeline: true });
  // Idle connections die when the database restarts; the pools open new ones.
  readers.on('error', options.onError);
  writers.on('error', options.onError);
  const hints = options.notify ? createHints(options) : undefined;

  const run = async (
    client: pg.Pool | pg.PoolClient,
    sql: string,
    parameters: readonly StoredValue[],
  ): Promise<StoredRow[]> => {
    const query = { name: names.of(sql), text: sql, values: [...parameters] };
    return (await client.query<StoredRow>(query)).rows;
  };

  /** All answers are waited for before the first failure is thrown: the connection must be at rest when it goes back. */
  const allOf = async <R>(answers: readonly Promise<R>[]): Promise<R[]> => {
    await Promise.allSettled(answers);
    return Promise.all(answers);
  };

  const inTransaction = async <T>(first: Statement | undefined, work: UnitOfWork<T>['work']): Promise<T> => {
    const client = await writers.connect();
    let lost: Error | undefined;
    // A connection that breaks says so by an event, which nobody else hears while it is ours.
    const onError = (error: Error): void => {
      lost = error;
    };
    client.on('error', onError);
    const connection: Connection = { run: (sql, parameters) => run(client, sql, parameters) };
    const send = ({ sql, parameters }: Statement): Promise<StoredRow[]> => run(client, sql, parameters);
    try {
      const begun = client.query(BEGIN);
      const [, rows = []] = await allOf([
        begun.then(() => []),
        ...(first === undefined ? [] : [send(first)]),
      ]);
      const { result, last } = await work(connection, rows);
      const answers = last.map(send);
      const commit = client.query('COMMIT');
      await allOf<unknown>([...answers, commit]);
      // A COMMIT of a transaction in which a statement failed is answered with ROLLBACK, and no error.
      if ((await commit).command !== 'COMMIT') throw new Error('the transaction was rolled back');
      return result;
    } catch (error) {
      if (connectionLost(error)) lost ??= error instanceof Error ? error : new Error(String(error));
      else {
        await client.query('ROLLBACK').catch((rollbackError: Error) => {
          lost = rollbackError;
        });
      }
      throw error;
    } finally {
      client.removeListener('error', onError);
      client.release(lost);
    }
  };

  return {
    name: 'postgres',
    placeholder: postgresPlaceholder,
    lists: postgresLists,
    forUpdate: ' FOR UPDATE',
    forUpdateSkipLocked: ' FOR UPDATE SKIP LOCKED',
    // Byte order, whatever the database's locale: the order of SQLite, and indexes that no update of a locale breaks.
    types: { integer: 'BIGINT', real: 'DOUBLE PRECISION', text: 'TEXT COLLATE "C"' },
    concurrentWrites: { total: WRITE_CONNECTIONS, perOrganization: WRITERS_PER_ORGANIZATION },
    run: (sql, parameters) => run(readers, sql, parameters),
    transaction: (work) =>
      inTransaction(undefined, async (connection) => ({ result: await work(connection), last: [] })),
    unitOfWork: ({ first, work }) => inTransaction(first, work),
    violatedColumns: (error) => {
      if (!(error instanceof pg.DatabaseError) || error.code !== UNIQUE_VIOLATION) return undefined;
      return columnsOfIndexName(error.constraint ?? '') ?? ['id'];
    },
    isRetryable: (error) => {
      const state = sqlState(error);
      return state === SERIALIZATION_FAILURE || state === DEADLOCK;
    },
    isUnavailable,
    isMissingTable: (error) => sqlState(error) === UNDEFINED_TABLE,
    announce: (org) => hints?.announce(org),
    onAnnounced: (callback) => hints?.onAnnounced(callback),
    close: async () => {
      await hints?.close();
      await Promise.all([readers.end(), writers.end()]);
    },
  };
}
