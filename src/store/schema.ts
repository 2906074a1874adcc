/** Tables made from the model's declarations. */
import { entities } from '../domain/model/entities.ts';
import * as operations from '../domain/model/operations.ts';
import type { Column, EntitySpec } from '../domain/model/spec.ts';
import { type Engine, uniqueIndexName } from './engine.ts';

/** The tables that the store writes by itself, beside those of the entities. */
const storeTables = {
  auditEvent: operations.auditEvent,
  change: operations.change,
  organizationHead: operations.organizationHead,
  outbox: operations.outbox,
  webhookCursor: operations.webhookCursor,
  flowLog: operations.flowLog,
  flowLogHead: operations.flowLogHead,
  logStreamCursor: operations.logStreamCursor,
  lease: operations.lease,
  installation: operations.installation,
  idAllocator: operations.idAllocator,
} as const;

export const allTables: Readonly<Record<string, EntitySpec>> = { ...entities, ...storeTables };

const quote = (name: string): string => `"${name}"`;
const list = (names: readonly string[]): string => names.map(quote).join(', ');

function columnType(engine: Engine, column: Column<unknown>): string {
  const stored = column.kind === 'boolean' ? 'integer' : column.kind === 'json' ? 'text' : column.kind;
  return `${engine.types[stored]}${column.nullable ? '' : ' NOT NULL'}`;
}

/** The statements that make one table with its keys and indexes. */
export function createTable(engine: Engine, table: string, spec: EntitySpec): string[] {
  const columns = [
    `"org" ${engine.types.integer} NOT NULL`,
    ...Object.entries(spec.columns).map(([name, column]) => `${quote(name)} ${columnType(engine, column)}`),
    // Named, so that the columns of the key can be told from an error of PostgreSQL.
    `CONSTRAINT ${quote(uniqueIndexName(table, ['org', ...spec.key]))} PRIMARY KEY (${list(['org', ...spec.key])})`,
  ];
  const unique = spec.unique.map(({ columns: names, global }) => {
    const scoped = global ? names : ['org', ...names];
    return `CREATE UNIQUE INDEX ${quote(uniqueIndexName(table, scoped))} ON ${quote(table)} (${list(scoped)})`;
  });
  const indexes = spec.indexes.map(
    (names) =>
      `CREATE INDEX ${quote(`${table}__${names.join('_')}__idx`)} ON ${quote(table)} (${list(['org', ...names])})`,
  );
  return [`CREATE TABLE ${quote(table)} (${columns.join(', ')})`, ...unique, ...indexes];
}
