/**
 * One server a data directory. The lock is SQLite's own exclusive lock on a file beside the database: the system drops it
 * when the process dies, however it dies, so none is ever left behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '../kernel/errors.ts';

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

/** Throws `conflict` when a running server owns the directory. */
export function lockDataDirectory(directory: string): DataLock {
  mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  const database = new DatabaseSync(join(directory, LOCK_FILE), { timeout: 0 });
  try {
    // Nothing is ever written, so nothing needs a journal to be undone by.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw new AppError(
      'conflict',
      `the data directory ${directory} is in use by ${ownerOf(directory)}: stop that server, or name another directory with --data`,
    );
  }
  writeFileSync(join(directory, OWNER_FILE), `${process.pid}\n`);
  return { release: () => database.close() };
}
