/** Writes a backup while servers run: all of it is read in one transaction, as of one moment. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import { SCHEMA_VERSION } from '../migrator.ts';
import { allTables } from '../schema.ts';
import type { BulkConnection } from './bulk-connection.ts';
import { BACKUP_FORMAT, type BackupHeader, createRowSum } from './format.ts';

/** Leases name processes that will not be there. */
const LEFT_OUT: ReadonlySet<string> = new Set(['lease']);
const PRIVATE_FILE = 0o600;

export interface BackupSummary {
  readonly tables: number;
  readonly rows: number;
  readonly sha256: string;
}

export interface WriteBackupOptions {
  readonly connection: BulkConnection;
  readonly file: string;
  readonly program: string;
  readonly createdAt: number;
  readonly sealingKey: BackupHeader['sealingKey'];
  /** Facts of the installation that stay out, by name. */
  readonly withoutFacts: readonly string[];
  readonly onProgress: (table: string, rows: number) => void;
}

const quote = (name: string): string => `"${name}"`;
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function selectOf(table: string, columns: readonly string[], withoutFacts: readonly string[]): string {
  const select = `SELECT ${columns.map(quote).join(', ')} FROM ${quote(table)}`;
  return table === 'installation' && withoutFacts.length > 0
    ? `${select} WHERE "name" NOT IN (${withoutFacts.map(literal).join(', ')})`
    : select;
}

/** Errors: those of the file system (`EEXIST` when the file exists) and of the database. Leaves no half-written file. */
export async function writeBackup(options: WriteBackupOptions): Promise<BackupSummary> {
  const { connection, file } = options;
  const digest = createHash('sha256');
  let summary: BackupSummary | undefined;
  let total = 0;

  async function* lines(): AsyncGenerator<string> {
    const put = (text: string): string => {
      digest.update(text);
      return text;
    };
    const header: BackupHeader = {
      holdfastBackup: BACKUP_FORMAT,
      schema: SCHEMA_VERSION,
      program: options.program,
      createdAt: new Date(options.createdAt).toISOString(),
      engine: connection.name,
      sealingKey: options.sealingKey,
    };
    yield put(`${JSON.stringify(header)}\n`);
    const tables = Object.entries(allTables).filter(([table]) => !LEFT_OUT.has(table));
    for (const [table, { columns: declared }] of tables) {
      const columns = ['org', ...Object.keys(declared)];
      yield put(`${JSON.stringify({ table, columns })}\n`);
      const sum = createRowSum();
      for await (const chunk of connection.stream(selectOf(table, columns, options.withoutFacts))) {
        yield put(chunk.map((values) => `${sum.add(values)}\n`).join(''));
        total += chunk.length;
        options.onProgress(table, total);
      }
      yield put(`${JSON.stringify(sum.result())}\n`);
    }
    summary = { tables: tables.length, rows: total, sha256: digest.digest('hex') };
    yield `${JSON.stringify({ end: { tables: summary.tables, rows: total }, sha256: summary.sha256 })}\n`;
  }

  const begin = {
    sqlite: 'BEGIN',
    postgres: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
  }[connection.name];
  const partial = `${file}.partial`;
  // Claims the name; the finished backup replaces it.
  await (await open(file, 'wx', PRIVATE_FILE)).close();
  try {
    await connection.run(begin);
    const sink = createWriteStream(partial, { mode: PRIVATE_FILE, flush: true });
    await pipeline(Readable.from(lines()), createZstdCompress(), sink);
    await connection.run('COMMIT');
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    await rm(file, { force: true });
    throw error;
  }
  if (summary === undefined) throw new Error('the backup ended without a summary');
  return summary;
}
