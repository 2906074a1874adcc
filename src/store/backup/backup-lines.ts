/** The lines of a backup file, with every checksum compared on the way. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { AppError } from '../../kernel/errors.ts';
import type { StoredValue } from '../rows.ts';
import {
  BACKUP_FORMAT,
  type BackupHeader,
  backupHeader,
  backupTrailer,
  createRowSum,
  type TableStart,
  tableEnd,
  tableStart,
} from './format.ts';

const MAX_LINE = 64 * 1024 * 1024;
const ROWS_AT_ONCE = 500;

export type BackupPart =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'table'; readonly start: TableStart }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly StoredValue[])[] }
  | { readonly kind: 'table-end'; readonly rows: number; readonly sum: string }
  | { readonly kind: 'end'; readonly tables: number; readonly rows: number; readonly sha256: string };

export const damaged = (reason: string): AppError =>
  new AppError('invalid', `the backup is damaged (${reason}): use another copy of it`);

async function* splitLines(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  const source = createZstdDecompress();
  // The callback takes errors that the loop below gets anyway, by the end of `source`.
  pipeline(createReadStream(file), source, () => undefined);
  for await (const chunk of source) {
    const pieces = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    rest = pieces.pop() ?? '';
    if (rest.length > MAX_LINE) throw damaged('a line is too long');
    yield* pieces;
  }
  if (rest !== '') throw damaged('it ends in the middle of a line');
}

async function* readableLines(file: string): AsyncGenerator<string> {
  try {
    yield* splitLines(file);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      throw new AppError('not_found', `the backup ${file} cannot be read (${code}): correct its name`);
    }
    throw damaged('it is not a whole backup file');
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw damaged('a line is not JSON');
  }
}

const isStoredValue = (value: unknown): value is StoredValue =>
  value === null || typeof value === 'string' || typeof value === 'number';

function readHeader(value: unknown): BackupHeader {
  const format = (value as { readonly holdfastBackup?: unknown } | null)?.holdfastBackup;
  if (typeof format === 'number' && format > BACKUP_FORMAT) {
    throw new AppError('invalid', 'the backup was made by a newer program: restore it with that one');
  }
  const header = backupHeader.safeParse(value);
  if (!header.success) throw damaged('it has no header');
  return header.data;
}

/** Yields parts in the order of the file. The last is `end`; a file without it throws. */
export async function* readBackup(file: string): AsyncGenerator<BackupPart> {
  const digest = createHash('sha256');
  let header: BackupHeader | undefined;
  let table: { readonly start: TableStart; readonly sum: ReturnType<typeof createRowSum> } | undefined;
  let rows: (readonly StoredValue[])[] = [];
  let totals = { tables: 0, rows: 0 };
  let ended = false;

  for await (const line of readableLines(file)) {
    if (ended) throw damaged('it goes on after its end');
    const value = parseLine(line);
    if (header === undefined) {
      header = readHeader(value);
      digest.update(`${line}\n`);
      yield { kind: 'header', header };
      continue;
    }
    const trailer = table === undefined ? backupTrailer.safeParse(value) : undefined;
    if (trailer?.success) {
      const { end, sha256 } = trailer.data;
      if (digest.digest('hex') !== sha256) throw damaged('its checksum is wrong');
      if (end.tables !== totals.tables || end.rows !== totals.rows) throw damaged('rows are missing');
      ended = true;
      yield { kind: 'end', ...end, sha256 };
      continue;
    }
    digest.update(`${line}\n`);
    if (table === undefined) {
      const start = tableStart.safeParse(value);
      if (!start.success) throw damaged('a table has no name');
      table = { start: start.data, sum: createRowSum() };
      yield { kind: 'table', start: start.data };
    } else if (Array.isArray(value)) {
      const values: readonly unknown[] = value;
      if (values.length !== table.start.columns.length || !values.every(isStoredValue))
        throw damaged(`a row of ${table.start.table} is malformed`);
      table.sum.add(values);
      rows.push(values);
      if (rows.length === ROWS_AT_ONCE) {
        yield { kind: 'rows', rows };
        rows = [];
      }
    } else {
      if (rows.length > 0) yield { kind: 'rows', rows };
      rows = [];
      const end = tableEnd.safeParse(value);
      const found = table.sum.result();
      if (!end.success || end.data.rows !== found.rows || end.data.sum !== found.sum)
        throw damaged(`the checksum of ${table.start.table} is wrong`);
      totals = { tables: totals.tables + 1, rows: totals.rows + found.rows };
      table = undefined;
      yield { kind: 'table-end', ...found };
    }
  }
  if (!ended) throw damaged('its end is missing');
}
