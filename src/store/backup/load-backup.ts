/** Loads a backup into empty tables, in one transaction that ends only when everything in it was found to be right. */

import type { AuditEvent } from '../../domain/model/operations.ts';
import { AppError } from '../../kernel/errors.ts';
import { createChainVerifier } from '../audit-chain.ts';
import type { StoredValue } from '../rows.ts';
import { allTables } from '../schema.ts';
import { damaged, readBackup } from './backup-lines.ts';
import type { BulkConnection } from './bulk-connection.ts';
import { createRowSum, type TableStart } from './format.ts';

/** Below SQLite's 32,766 and PostgreSQL's 65,535 parameters of a statement. */
const MAX_PARAMETERS = 30_000;

export interface LoadSummary {
  readonly tables: number;
  readonly rows: number;
  readonly sha256: string;
  /** Audit events whose chains were followed, and the chains. */
  readonly auditEvents: number;
  readonly chains: number;
}

export interface LoadOptions {
  /** Its database has the backup's version, and nothing but what a new one has. */
  readonly connection: BulkConnection;
  readonly file: string;
  /** Facts of the installation to set beside those of the backup. */
  readonly facts: Readonly<Record<string, string>>;
  readonly onProgress: (what: string, rows: number) => void;
}

/** Rows that a new database has by itself; a backup brings its own. */
const SEEDS = ['idAllocator', 'organizationHead'];

const quote = (name: string): string => `"${name}"`;

/** Throws `conflict` when there is anything that somebody made. */
async function requireEmpty(connection: BulkConnection): Promise<void> {
  for (const table of Object.keys(allTables)) {
    if (SEEDS.includes(table)) continue;
    for await (const rows of connection.stream(`SELECT 1 FROM ${quote(table)} LIMIT 1`)) {
      if (rows.length === 0) continue;
      throw new AppError(
        'conflict',
        'a backup is restored into an empty installation only: name a new directory or an empty database',
      );
    }
  }
}

async function insertRows(
  { connection }: LoadOptions,
  { table, columns }: TableStart,
  rows: readonly (readonly StoredValue[])[],
): Promise<void> {
  const rowsAtOnce = Math.max(1, Math.floor(MAX_PARAMETERS / columns.length));
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const chunk = rows.slice(from, from + rowsAtOnce);
    const tuples = chunk.map(
      (values, index) =>
        `(${values.map((_, column) => connection.placeholder(index * columns.length + column + 1)).join(', ')})`,
    );
    const names = columns.map(quote).join(', ');
    await connection.run(`INSERT INTO ${quote(table)} (${names}) VALUES ${tuples.join(', ')}`, chunk.flat());
  }
}

/** Reads a table back and compares it with what the backup said of it. */
async function compareTable(
  { connection }: LoadOptions,
  { table, columns }: TableStart,
  expected: { readonly rows: number; readonly sum: string },
): Promise<void> {
  const sum = createRowSum();
  const select = `SELECT ${columns.map(quote).join(', ')} FROM ${quote(table)}`;
  for await (const rows of connection.stream(select)) for (const values of rows) sum.add(values);
  const found = sum.result();
  if (found.rows !== expected.rows || found.sum !== expected.sum) {
    throw new AppError(
      'conflict',
      `the database does not give back what was written to ${table}: nothing was restored; check the database`,
    );
  }
}

async function followChains({
  connection,
  onProgress,
}: LoadOptions): Promise<{ events: number; chains: number }> {
  const heads = new Map<number, { auditSeq: number; auditHash: string }>();
  const selectHeads = 'SELECT "org", "auditSeq", "auditHash" FROM "organizationHead"';
  for await (const rows of connection.stream(selectHeads)) {
    for (const [org, auditSeq, auditHash] of rows)
      heads.set(Number(org), { auditSeq: Number(auditSeq), auditHash: String(auditHash) });
  }
  const columns = ['org', ...Object.keys(allTables.auditEvent?.columns ?? {})];
  const select = `SELECT ${columns.map(quote).join(', ')} FROM "auditEvent" ORDER BY "org", "seq"`;
  let current: { org: number; verifier: ReturnType<typeof createChainVerifier> } | undefined;
  let events = 0;
  const followed = new Set<number>();
  const finish = (): void => {
    if (current === undefined) return;
    const fault = current.verifier.end(heads.get(current.org) ?? { auditSeq: 0, auditHash: '' });
    if (fault !== undefined) throw damaged(`the audit log: ${fault.reason}`);
    followed.add(current.org);
  };
  for await (const rows of connection.stream(select)) {
    for (const values of rows) {
      const event = Object.fromEntries(
        columns.map((name, index) => [name, values[index]]),
      ) as unknown as AuditEvent;
      if (event.org !== current?.org) {
        finish();
        current = { org: event.org, verifier: createChainVerifier() };
      }
      const fault = current.verifier.check(event);
      if (fault !== undefined) throw damaged(`the audit log: ${fault.reason}`);
      events += 1;
    }
    onProgress('audit log', events);
  }
  finish();
  for (const [org, head] of heads) {
    if (head.auditSeq > 0 && !followed.has(org)) throw damaged('the audit log: a whole chain is missing');
  }
  return { events, chains: followed.size };
}

/** Everything or nothing. Throws `invalid` for a damaged backup, `conflict` for a target that is not empty. */
export async function loadBackup(options: LoadOptions): Promise<LoadSummary> {
  const { connection, file, facts, onProgress } = options;
  await connection.run('BEGIN');
  try {
    await requireEmpty(connection);
    for (const table of SEEDS) await connection.run(`DELETE FROM ${quote(table)}`);
    let start: TableStart | undefined;
    let end: { tables: number; rows: number; sha256: string } | undefined;
    let loaded = 0;
    for await (const part of readBackup(file)) {
      if (part.kind === 'table') {
        if (!Object.hasOwn(allTables, part.start.table))
          throw damaged(`no table is called ${part.start.table}`);
        start = part.start;
      } else if (part.kind === 'rows' && start !== undefined) {
        await insertRows(options, start, part.rows);
        loaded += part.rows.length;
        onProgress(start.table, loaded);
      } else if (part.kind === 'table-end' && start !== undefined) {
        await compareTable(options, start, part);
      } else if (part.kind === 'end') end = part;
    }
    if (end === undefined) throw damaged('its end is missing');
    const { events, chains } = await followChains(options);
    for (const [name, value] of Object.entries(facts)) {
      const [first, second] = [connection.placeholder(1), connection.placeholder(2)];
      await connection.run(
        `INSERT INTO "installation" ("org", "name", "value") VALUES (0, ${first}, ${second})
         ON CONFLICT ("org", "name") DO UPDATE SET "value" = excluded."value"`,
        [name, value],
      );
    }
    await connection.run('COMMIT');
    return { tables: end.tables, rows: end.rows, sha256: end.sha256, auditEvents: events, chains };
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
