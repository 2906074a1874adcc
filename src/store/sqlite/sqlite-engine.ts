/** SQLite through `node:sqlite`: write-ahead log, every commit synced to disk. */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { createPattern, type Pattern } from '../../kernel/pattern.ts';
import type { Connection, Engine, UnitOfWork } from '../engine.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import { sqliteLists, sqlitePlaceholder } from '../statements.ts';
import { createGroupCommit } from './group-commit.ts';

/** While a database is opened, and for readers, which in a write-ahead log hardly ever wait. */
const BUSY_TIMEOUT_MS = 10_000;
/** SQLite waits by blocking the whole process, so the writer waits this short and then tries again after a pause. */
const WRITER_BUSY_TIMEOUT_MS = 5;
const WRITER_PAUSE_MS = 10;
const WRITER_PATIENCE_MS = 10_000;
/** Statements kept prepared on each connection; the program has some hundreds of texts. */
const MAX_PREPARED = 500;
const CACHE_KIB = 32 * 1024;

interface PreparedConnection extends Connection {
  exec(sql: string): void;
  inTransaction(): boolean;
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
    exec: (sql) => {
      prepare(sql).run();
    },
    inTransaction: () => database.isTransaction,
    close: () => database.close(),
  };
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html); the low byte is the primary code.
const ERROR = 1;
const BUSY = 5;
const READ_ONLY = 8;
const IO_ERROR = 10;
const FULL = 13;
const CANNOT_OPEN = 14;
const PRIMARY_KEY_CONSTRAINT = 1555;
const UNIQUE_CONSTRAINT = 2067;
const UNAVAILABLE = new Set([BUSY, READ_ONLY, IO_ERROR, FULL, CANNOT_OPEN]);

const errorCode = (error: unknown): number | undefined => {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
};
const primaryCode = (error: unknown): number => (errorCode(error) ?? 0) & 0xff;

export function openSqlite(file: string): Engine {
  const writer = openConnection(file);
  const reader = openConnection(file);
  writer.exec(`PRAGMA busy_timeout = ${WRITER_BUSY_TIMEOUT_MS}`);
  // Whatever is written must go through a transaction.
  reader.exec('PRAGMA query_only = ON');

  /** Another process (a command beside the server) may be writing. */
  const begin = async (): Promise<void> => {
    const deadline = performance.now() + WRITER_PATIENCE_MS;
    for (;;) {
      try {
        writer.exec('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        if (primaryCode(error) !== BUSY || performance.now() > deadline) throw error;
      }
      await delay(WRITER_PAUSE_MS);
    }
  };

  const writes = createGroupCommit({
    begin,
    control: (sql) => writer.exec(sql),
    inTransaction: writer.inTransaction,
  });

  return {
    name: 'sqlite',
    placeholder: sqlitePlaceholder,
    lists: sqliteLists,
    forUpdate: '',
    forUpdateSkipLocked: '',
    types: { integer: 'INTEGER', real: 'REAL', text: 'TEXT' },
    concurrentWrites: undefined,
    run: (sql: string, parameters: readonly StoredValue[]) => reader.run(sql, parameters),
    transaction: (work) => writes.transaction(() => work(writer)),
    unitOfWork: <T>(unit: UnitOfWork<T>) =>
      writes.transaction(async () => {
        const rows = await writer.run(unit.first.sql, unit.first.parameters);
        const { result, last } = await unit.work(writer, rows);
        for (const { sql, parameters } of last) await writer.run(sql, parameters);
        return result;
      }),
    violatedColumns: (error) => {
      const code = errorCode(error);
      if (code !== UNIQUE_CONSTRAINT && code !== PRIMARY_KEY_CONSTRAINT) return undefined;
      const list = /constraint failed: (.+)$/u.exec(error instanceof Error ? error.message : '')?.[1] ?? '';
      return list.split(', ').map((name) => name.split('.')[1] ?? name);
    },
    // A writer waits for its turn before it begins, and then nothing can get in its way.
    isRetryable: () => false,
    isUnavailable: (error) => UNAVAILABLE.has(primaryCode(error)),
    isMissingTable: (error) =>
      primaryCode(error) === ERROR && error instanceof Error && error.message.startsWith('no such table'),
    announce: () => undefined,
    onAnnounced: () => undefined,
    close: async () => {
      await writes.idle();
      reader.close();
      writer.close();
    },
  };
}
