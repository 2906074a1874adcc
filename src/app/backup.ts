/** A backup of an installation, while it serves or not. */
import { join } from 'node:path';
import { sealingKeyId } from '../auth/sealing.ts';
import type { InstallationConfig } from '../config/config.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { type BulkConnection, openPostgresBulk, openSqliteBulk } from '../store/backup/bulk-connection.ts';
import type { BackupHeader } from '../store/backup/format.ts';
import { type BackupSummary, writeBackup } from '../store/backup/write-backup.ts';
import { createInstallationFacts } from '../store/installation-facts.ts';
import { DATABASE_FILE } from '../store/open-store.ts';
import { openInstallation } from './installation.ts';
import { findSealingKey, SEALING_KEY_FACT } from './sealing-key.ts';

export interface BackupParts {
  readonly config: InstallationConfig;
  readonly file: string;
  readonly program: string;
  readonly clock: Clock;
  readonly onProgress: (table: string, rows: number) => void;
}

async function sealingKeyOf(config: InstallationConfig, clock: Clock): Promise<BackupHeader['sealingKey']> {
  // Opening it also makes sure that its version is the program's.
  const installation = await openInstallation({ config, clock, mode: 'existing' });
  try {
    const found = await findSealingKey(config, createInstallationFacts(installation.engine));
    if (found === undefined) return null;
    const key = found.external ? null : Buffer.from(found.key).toString('base64');
    return { id: sealingKeyId(found.key), key };
  } finally {
    await installation.close();
  }
}

function openForReading({ database }: InstallationConfig): Promise<BulkConnection> | BulkConnection {
  return database.kind === 'sqlite'
    ? openSqliteBulk(join(database.directory, DATABASE_FILE), 'read')
    : openPostgresBulk(database.url);
}

function describeFailure(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EEXIST':
      return new AppError('conflict', `${file} exists: give the backup another name`);
    case 'ENOENT':
    case 'EACCES':
    case 'EROFS':
    case 'ENOTDIR':
      return new AppError(
        'unavailable',
        `${file} cannot be written (${code}): give the backup another place`,
      );
    case 'ENOSPC':
      return new AppError('unavailable', `there is no room for ${file}: give the backup another place`);
    default:
      return error;
  }
}

/** The file holds every secret of the installation that is not kept elsewhere; only its owner may read it. */
export async function backUp({
  config,
  file,
  program,
  clock,
  onProgress,
}: BackupParts): Promise<BackupSummary> {
  const sealingKey = await sealingKeyOf(config, clock);
  const connection = await openForReading(config);
  try {
    return await writeBackup({
      connection,
      file,
      program,
      createdAt: clock.now(),
      sealingKey,
      withoutFacts: [SEALING_KEY_FACT],
      onProgress,
    });
  } catch (error) {
    throw describeFailure(file, error);
  } finally {
    await connection.close();
  }
}
