/**
 * The backup file: zstd over lines of JSON. A header; for each table a line that names it and its columns, one array a
 * row, and a line with their number and checksum; at last a trailer with the checksum of all lines before it. The same
 * for both engines, so that a backup of one restores into the other.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StoredValue } from '../rows.ts';

export const BACKUP_FORMAT = 1;

const hex64 = z.string().regex(/^[0-9a-f]{64}$/u);
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/u);

export const backupHeader = z.strictObject({
  holdfastBackup: z.number().int().positive(),
  /** Version of the database. */
  schema: z.number().int().positive(),
  program: z.string(),
  createdAt: z.string(),
  engine: z.enum(['sqlite', 'postgres']),
  /** The key that sealed secrets need: itself where the installation keeps it, else only its id. */
  sealingKey: z.strictObject({ id: z.string(), key: z.string().nullable() }).nullable(),
});
export type BackupHeader = z.infer<typeof backupHeader>;

export const tableStart = z.strictObject({ table: name, columns: z.array(name).min(1).max(200) });
export type TableStart = z.infer<typeof tableStart>;

export const tableEnd = z.strictObject({ rows: z.number().int().nonnegative(), sum: hex64 });

export const backupTrailer = z.strictObject({
  end: z.strictObject({ tables: z.number().int(), rows: z.number().int() }),
  sha256: hex64,
});

const MODULUS = 1n << 256n;
const HEX_DIGITS = 64;

/**
 * A checksum of a set of rows that does not depend on their order, since the engines order text differently: the sum of
 * the rows' SHA-256. Rows have a primary key, so no two are equal.
 */
export function createRowSum() {
  let sum = 0n;
  let rows = 0;
  return {
    /** Adds a row; returns its line. */
    add: (values: readonly StoredValue[]): string => {
      const line = JSON.stringify(values);
      sum = (sum + BigInt(`0x${createHash('sha256').update(line).digest('hex')}`)) % MODULUS;
      rows += 1;
      return line;
    },
    result: () => ({ rows, sum: sum.toString(16).padStart(HEX_DIGITS, '0') }),
  };
}
