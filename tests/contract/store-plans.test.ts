// How SQLite goes about the reads that every kind has: an index that is declared and not used costs every write for nothing.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eachRow } from '../../src/domain/directory/each-row.ts';
import { type EntityKind, entities } from '../../src/domain/model/entities.ts';
import type { Connection } from '../../src/store/engine.ts';
import { createBuilder, createReader } from '../../src/store/reader.ts';
import { createStatements, sqliteLists, sqlitePlaceholder, storedKind } from '../../src/store/statements.ts';
import { type OpenedStore, openNew } from './stores.ts';

const statements = createStatements({ name: 'sqlite', placeholder: sqlitePlaceholder, lists: sqliteLists });
let opened: OpenedStore;
beforeAll(async () => {
  opened = await openNew('sqlite');
});
afterAll(() => opened.close());

/** Kinds that are all key: an index of theirs holds no more than the key's own, so either will do. */
const isAllKey = (kind: EntityKind): boolean =>
  Object.keys(entities[kind].columns).every((column) =>
    (entities[kind].key as readonly string[]).includes(column),
  );

const cases = (Object.keys(entities) as EntityKind[])
  .filter((kind) => !isAllKey(kind))
  .flatMap((kind) =>
    (entities[kind].indexes as readonly (readonly string[])[]).map((columns) => ({ kind, columns })),
  );

const planOf = async (sql: string): Promise<string> =>
  (
    await opened.engine.run(
      `EXPLAIN QUERY PLAN ${sql}`,
      [...sql.matchAll(/\?/gu)].map(() => null),
    )
  )
    .map(({ detail }) => detail)
    .join('; ');

/** Some value that the column can hold. */
const someValue = (kind: EntityKind, column: string): string | number | boolean => {
  const columns: Readonly<Record<string, { readonly kind: string }>> = entities[kind].columns;
  if (columns[column]?.kind === 'boolean') return true;
  return storedKind(kind, column) === 'text' ? '' : 1;
};

/** What a read is about to ask, instead of an answer. */
async function askedBy(ask: (reader: ReturnType<typeof createReader>) => Promise<unknown>): Promise<string> {
  let asked = '';
  const connection: Connection = {
    run: async (sql) => {
      asked = sql;
      return [];
    },
  };
  await ask(createReader(connection, statements, createBuilder({ name: 'sqlite' })));
  return asked;
}

describe('a declared index is what rows are found by', () => {
  test.each(cases)('$kind by $columns', async ({ kind, columns }) => {
    const where = Object.fromEntries(columns.map((column) => [column, someValue(kind, column)]));
    const byIndex = `(org=?${columns.map((column) => ` AND ${column}=?`).join('')})`;
    const find = await askedBy((reader) => reader.find(kind, 1, where));
    expect(await planOf(find)).toContain(byIndex);
    const each = await askedBy((reader) => eachRow(reader, kind, 1, where).next());
    expect(await planOf(each)).toContain(byIndex);
  });
});

test('rows of a whole organization are read in the order of their key', async () => {
  const whole = await planOf(await askedBy((reader) => reader.find('device', 1, {})));
  expect(whole).toMatch(/sqlite_autoindex_device_\d+ \(org=\?\)$/u);
  const page = await planOf(await askedBy((reader) => reader.list('device', 1, { after: [7], limit: 100 })));
  expect(page).toMatch(/sqlite_autoindex_device_\d+ \(org=\? AND id>\?\)$/u);
});
