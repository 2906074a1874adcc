import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entities } from '../../src/domain/model/entities.ts';
import * as operations from '../../src/domain/model/operations.ts';
import type { EntitySpec } from '../../src/domain/model/spec.ts';
import type { Engine } from '../../src/store/engine.ts';
import { ENGINES, type OpenedStore, openNew } from './stores.ts';

const DECLARED: Readonly<Record<string, EntitySpec>> = {
  ...entities,
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
};

const STORED = { integer: 'integer', boolean: 'integer', real: 'real', text: 'text', json: 'text' } as const;
/** PostgreSQL cuts longer names off, and two may then become one. */
const MAX_NAME_LENGTH = 63;

interface Table {
  /** Column name to type, and whether it may be null. */
  readonly columns: Readonly<Record<string, string>>;
  readonly primaryKey: readonly string[];
  readonly unique: readonly string[];
  readonly indexes: readonly string[];
}

const sorted = (lists: readonly (readonly string[])[]): string[] =>
  lists.map((names) => names.join(' ')).sort();

function declared(spec: EntitySpec): Table {
  return {
    columns: Object.fromEntries([
      ['org', 'integer'],
      ...Object.entries(spec.columns).map(([name, { kind, nullable }]) => [
        name,
        STORED[kind] + (nullable ? '?' : ''),
      ]),
    ]),
    primaryKey: ['org', ...spec.key],
    unique: sorted(
      spec.unique.map(({ columns, global }) => (global === true ? columns : ['org', ...columns])),
    ),
    indexes: sorted(spec.indexes.map((names) => ['org', ...names])),
  };
}

type Found = Omit<Table, 'unique' | 'indexes'> & {
  readonly lists: readonly { names: string[]; unique: boolean }[];
};

async function inSqlite(engine: Engine, table: string): Promise<Found> {
  const columns = await engine.run(`SELECT * FROM pragma_table_info('${table}') ORDER BY "cid"`, []);
  const indexes = await engine.run(`SELECT * FROM pragma_index_list('${table}') WHERE "origin" <> 'pk'`, []);
  return {
    columns: Object.fromEntries(
      columns.map((row) => [row.name, String(row.type).toLowerCase() + (row.notnull === 1 ? '' : '?')]),
    ),
    primaryKey: columns
      .filter((row) => Number(row.pk) > 0)
      .sort((a, b) => Number(a.pk) - Number(b.pk))
      .map((row) => String(row.name)),
    lists: await Promise.all(
      indexes.map(async (index) => ({
        unique: index.unique === 1,
        names: (
          await engine.run(`SELECT "name" FROM pragma_index_info('${index.name}') ORDER BY "seqno"`, [])
        ).map((row) => String(row.name)),
      })),
    ),
  };
}

const POSTGRES_TYPES: Readonly<Record<string, string>> = {
  bigint: 'integer',
  'double precision': 'real',
  text: 'text',
};

async function inPostgres(engine: Engine, table: string): Promise<Found> {
  const columns = await engine.run(
    `SELECT column_name, data_type, is_nullable, collation_name FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`,
    [table],
  );
  for (const row of columns) if (row.data_type === 'text') expect(row.collation_name).toBe('C');
  const indexes = await engine.run(
    `SELECT i.indisunique::int AS unique, i.indisprimary::int AS primary,
       (SELECT string_agg(a.attname, ' ' ORDER BY k.ord) FROM unnest(i.indkey) WITH ORDINALITY AS k(num, ord)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num) AS names
     FROM pg_index i WHERE i.indrelid = $1::regclass`,
    [`"${table}"`],
  );
  const lists = indexes.map((row) => ({
    unique: row.unique === 1,
    primary: row.primary === 1,
    names: String(row.names).split(' '),
  }));
  return {
    columns: Object.fromEntries(
      columns.map((row) => [
        row.column_name,
        (POSTGRES_TYPES[String(row.data_type)] ?? '') + (row.is_nullable === 'NO' ? '' : '?'),
      ]),
    ),
    primaryKey: lists.find(({ primary }) => primary)?.names ?? [],
    lists: lists.filter(({ primary }) => !primary),
  };
}

describe.each(ENGINES)('the migrated database on %s', (name) => {
  let opened: OpenedStore;
  beforeAll(async () => {
    opened = await openNew(name);
  });
  afterAll(() => opened.close());

  test.each(Object.keys(DECLARED))('has the table %s as it is declared', async (table) => {
    const { lists, ...found } = await (name === 'sqlite' ? inSqlite : inPostgres)(opened.engine, table);
    const both: Table = {
      ...found,
      unique: sorted(lists.filter(({ unique }) => unique).map(({ names }) => names)),
      indexes: sorted(lists.filter(({ unique }) => !unique).map(({ names }) => names)),
    };
    expect(both).toEqual(declared(DECLARED[table]!));
  });

  test('has no table beside the declared ones and its own version', async () => {
    const sql =
      name === 'sqlite'
        ? `SELECT "name" FROM sqlite_master WHERE "type" = 'table'`
        : 'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()';
    const names = (await opened.engine.run(sql, [])).map((row) => String(row.name)).sort();
    expect(names).toEqual([...Object.keys(DECLARED), 'schemaVersion'].sort());
  });

  test('has only names that no database shortens', async () => {
    const sql =
      name === 'sqlite'
        ? `SELECT "name" FROM sqlite_master WHERE "name" NOT LIKE 'sqlite_%'`
        : 'SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace';
    for (const row of await opened.engine.run(sql, [])) {
      expect(String(row.name).length, String(row.name)).toBeLessThan(MAX_NAME_LENGTH);
    }
  });
});

test('the text of a key tells its parts: at most one is text, and it comes last', () => {
  for (const [kind, spec] of Object.entries(entities as Readonly<Record<string, EntitySpec>>)) {
    const kinds = spec.key.map((column) => spec.columns[column]?.kind);
    expect(
      kinds.slice(0, -1).every((one) => one === 'integer'),
      kind,
    ).toBe(true);
  }
});

test('no column bears a name that its index or the audit chain would mistake', () => {
  for (const [kind, spec] of Object.entries(DECLARED)) {
    for (const column of Object.keys(spec.columns))
      expect(column, `${kind}.${column}`).toMatch(/^[a-z][A-Za-z0-9]*$/);
  }
});
