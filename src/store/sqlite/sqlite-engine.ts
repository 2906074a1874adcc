/** SQLite through `node:sqlite`: write-ahead log, every commit synced to disk. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { createPattern, type Pattern } from '../../kernel/pattern.ts';
import type { Connection, Engine } from '../engine.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import { sqlitePlaceholder } from '../statements.ts';

const BUSY_TIMEOUT_MS = 10_000;
/** Statements kept prepared on each connection; the program has some hundreds of texts. */
const MAX_PREPARED = 500;
const CACHE_KIB = 32 * 1024;

interface PreparedConnection extends Connection {
  exec(sql: string): void;
  close(): void;
}

/** What the operator REGEXP calls, with the expression first. */
function createRegexp(): (source: unknown, subject: unknown) => number | null {
  let last: { readonly source: string; readonly pattern: Pattern } | undefined;
  return (source, subject) => {
    if (typeof source !== 'string' || typeof subject !== 'string') return null;
    if (last?.source !== source) last = { source, pattern: createPattern(source) };
    return last.pattern.matches(subject) ? 1 : 0;
  };
}

function openConnection(file: string): PreparedConnection {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  database.exec('PRAGMA journal_mode = WAL');
  // FULL: a commit returns when it is on disk. NORMAL would lose acknowledged commits when the power fails.
  database.exec('PRAGMA synchronous = FULL');
  database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  database.function('regexp', { deterministic: true }, createRegexp());
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql);
    if (known !== undefined) return known;
    if (prepared.size >= MAX_PREPARED) prepared.clear();
    const statement = database.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    // The calls are synchronous underneath; a promise keeps the port the same for both engines.
    run: async (sql, parameters) => prepare(sql).all(...parameters) as StoredRow[],
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}

const UNIQUE_CONSTRAINT = 2067;
const PRIMARY_KEY_CONSTRAINT = 1555;
const BUSY = 5;

const errorCode = (error: unknown): number | undefined => {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
};

export function openSqlite(file: string): Engine {
  const writer = openConnection(file);
  const reader = openConnection(file);
  let lastWrite: Promise<unknown> = Promise.resolve();

  const runTransaction = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    writer.exec('BEGIN IMMEDIATE');
    let result: T;
    try {
      result = await work(writer);
    } catch (error) {
      writer.exec('ROLLBACK');
      throw error;
    }
    try {
      writer.exec('COMMIT');
    } catch (error) {
      writer.exec('ROLLBACK');
      throw error;
    }
    return result;
  };

  return {
    name: 'sqlite',
    placeholder: sqlitePlaceholder,
    forUpdate: '',
    types: { integer: 'INTEGER', real: 'REAL', text: 'TEXT' },
    run: (sql: string, parameters: readonly StoredValue[]) => reader.run(sql, parameters),
    transaction: (work) => {
      // One writer at a time: the next transaction starts when the one before it has ended, however it ended.
      const turn = lastWrite.then(
        () => runTransaction(work),
        () => runTransaction(work),
      );
      lastWrite = turn;
      return turn;
    },
    violatedColumns: (error) => {
      const code = errorCode(error);
      if (code !== UNIQUE_CONSTRAINT && code !== PRIMARY_KEY_CONSTRAINT) return undefined;
      const list = /constraint failed: (.+)$/u.exec(error instanceof Error ? error.message : '')?.[1] ?? '';
      return list.split(', ').map((name) => name.split('.')[1] ?? name);
    },
    isRetryable: (error) => errorCode(error) === BUSY,
    announce: () => undefined,
    onAnnounced: () => undefined,
    close: async () => {
      await lastWrite.catch(() => undefined);
      reader.close();
      writer.close();
    },
  };
}
