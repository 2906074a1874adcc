/**
 * One server a data directory. The lock is SQLite's own exclusive lock on a file beside the database: the system drops it
 * when the process dies, however it dies, so none is ever left behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '../kernel/errors.ts';
import { describeOpenFailure } from './open-failure.ts';

const LOCK_FILE = 'server.lock';
/** Says who holds the lock, for people; it decides nothing. */
const OWNER_FILE = 'server.pid';
const PRIVATE_DIRECTORY = 0o700;

export interface DataLock {
  release(): void;
}

function ownerOf(directory: string): string {
  try {
    const pid = readFileSync(join(directory, OWNER_FILE), 'utf8').trim();
    return pid === '' ? 'another process' : `process ${pid}`;
  } catch {
    return 'another process';
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && /database is locked/u.test(error.message);

function openLockFile(directory: string): DatabaseSync {
  try {
    mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
    return new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
  } catch (error) {
    throw describeOpenFailure({ kind: 'sqlite', directory }, error);
  }
}

/** Throws `conflict` when a running server owns the directory, `unavailable` when it cannot be used. */
export function lockDataDirectory(directory: string): DataLock {
  const database = openLockFile(directory);
  try {
    // Nothing is ever written, so nothing needs a journal to be undone by.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw describeOpenFailure({ kind: 'sqlite', directory }, error);
    throw new AppError(
      'conflict',
      `the data directory ${directory} is in use by ${ownerOf(directory)}: stop that server, or name another directory with --data`,
    );
  }
  writeFileSync(join(directory, OWNER_FILE), `${process.pid}\n`);
  return { release: () => database.close() };
}
