/** Restores a backup into an empty installation, of either engine, and verifies what came of it. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sealingKeyId } from '../auth/sealing.ts';
import type { InstallationConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { FIRST_RUN_FACT, FIRST_RUN_OVER } from '../domain/first-run/first-run-service.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { readBackup } from '../store/backup/backup-lines.ts';
import { openPostgresBulk, openSqliteBulk } from '../store/backup/bulk-connection.ts';
import type { BackupHeader } from '../store/backup/format.ts';
import { type LoadSummary, loadBackup } from '../store/backup/load-backup.ts';
import type { Engine } from '../store/engine.ts';
import { migrate, SCHEMA_VERSION } from '../store/migrator.ts';
import { DATABASE_FILE, openEngine } from '../store/open-store.ts';
import { openSqlite } from '../store/sqlite/sqlite-engine.ts';
import { lockDataDirectory } from './data-lock.ts';
import { describeOpenFailure } from './open-failure.ts';
import { KEY_FILE, keepKeyFile, readOperatorKey, SEALING_KEY_FACT } from './sealing-key.ts';

export interface RestoreParts {
  readonly config: InstallationConfig;
  readonly file: string;
  readonly clock: Clock;
  readonly onProgress: (what: string, rows: number) => void;
}

const UNFINISHED = `${DATABASE_FILE}.restoring`;
const SQLITE_COMPANIONS = ['', '-wal', '-shm', '-journal'];
const PRIVATE_DIRECTORY = 0o700;

async function headerOf(file: string): Promise<BackupHeader> {
  for await (const part of readBackup(file)) if (part.kind === 'header') return part.header;
  throw new AppError('invalid', 'the backup is damaged (it has no header): use another copy of it');
}

/** A key that the operator keeps is in no backup, so it must be at hand, and the right one. */
function requireKey(config: InstallationConfig, { sealingKey }: BackupHeader): void {
  if (sealingKey === null) return;
  if (config.sealingKeyFile === undefined) {
    if (sealingKey.key !== null) return;
    throw new ConfigError(
      'this installation’s sealing key is kept outside of it: give it with --sealing-key-file',
    );
  }
  if (sealingKeyId(readOperatorKey(config.sealingKeyFile)) !== sealingKey.id) {
    throw new ConfigError(
      `the key in ${config.sealingKeyFile} is not the one this backup was made with: give that one`,
    );
  }
}

const removeUnfinished = (directory: string): void => {
  for (const companion of SQLITE_COMPANIONS)
    rmSync(join(directory, `${UNFINISHED}${companion}`), { force: true });
};

async function bringToVersion(engine: Engine, version: number): Promise<void> {
  try {
    await migrate(engine, version);
  } finally {
    await engine.close();
  }
}

async function restoreSqlite(
  parts: RestoreParts,
  directory: string,
  header: BackupHeader,
): Promise<LoadSummary> {
  mkdirSync(directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  const lock = lockDataDirectory(directory);
  try {
    // The key that an interrupted restore of this backup left is no obstacle; another is of another installation.
    const key = header.sealingKey?.key;
    const keyFile = join(directory, KEY_FILE);
    const otherKey = existsSync(keyFile) && readFileSync(keyFile, 'utf8').trim() !== key;
    if (existsSync(join(directory, DATABASE_FILE)) || otherKey) {
      throw new AppError(
        'conflict',
        `there is an installation in ${directory}: a backup is restored into an empty directory only`,
      );
    }
    // Whatever happens before the last step, the directory still holds no installation.
    removeUnfinished(directory);
    const unfinished = join(directory, UNFINISHED);
    await bringToVersion(openSqlite(unfinished), header.schema);
    const connection = openSqliteBulk(unfinished, 'write');
    let summary: LoadSummary;
    try {
      await connection.run('PRAGMA synchronous = FULL');
      const facts = { [FIRST_RUN_FACT]: FIRST_RUN_OVER };
      summary = await loadBackup({ connection, file: parts.file, facts, onProgress: parts.onProgress });
      await connection.run('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      await connection.close();
    }
    await bringToVersion(openSqlite(unfinished), SCHEMA_VERSION);
    if (typeof key === 'string' && parts.config.sealingKeyFile === undefined) {
      keepKeyFile(keyFile, key);
    }
    renameSync(unfinished, join(directory, DATABASE_FILE));
    return summary;
  } finally {
    removeUnfinished(directory);
    lock.release();
  }
}

async function restorePostgres(parts: RestoreParts, url: string, header: BackupHeader): Promise<LoadSummary> {
  const open = (): Engine =>
    openEngine({
      location: { kind: 'postgres', url, notify: false },
      clock: parts.clock,
      onError: () => undefined,
    });
  await bringToVersion(open(), header.schema);
  const connection = await openPostgresBulk(url);
  let summary: LoadSummary;
  try {
    const key = header.sealingKey?.key;
    const kept = typeof key === 'string' && parts.config.sealingKeyFile === undefined;
    const facts = { [FIRST_RUN_FACT]: FIRST_RUN_OVER, ...(kept ? { [SEALING_KEY_FACT]: key } : {}) };
    summary = await loadBackup({ connection, file: parts.file, facts, onProgress: parts.onProgress });
  } finally {
    await connection.close();
  }
  await bringToVersion(open(), SCHEMA_VERSION);
  return summary;
}

/** All or nothing. Errors: `AppError` and `ConfigError` with a sentence that says what to do. */
export async function restore(parts: RestoreParts): Promise<LoadSummary> {
  const { database } = parts.config;
  const header = await headerOf(parts.file);
  if (header.schema > SCHEMA_VERSION) {
    throw new AppError(
      'invalid',
      `the backup is of version ${header.schema} and this program knows version ${SCHEMA_VERSION}: restore it with a newer program`,
    );
  }
  requireKey(parts.config, header);
  try {
    return await (database.kind === 'sqlite'
      ? restoreSqlite(parts, database.directory, header)
      : restorePostgres(parts, database.url, header));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw describeOpenFailure(database, error);
  }
}
