// Rows of any kind, made from the declarations: what a column may hold, it must hold without change.
import fc from 'fast-check';
import { type EntityKind, entities, type Row } from '../../src/domain/model/entities.ts';
import type { Column } from '../../src/domain/model/spec.ts';

/** What breaks stores: quotes, patterns, placeholders, other planes, joiners, both line ends, keywords, long text. */
const AWKWARD = [
  '',
  ' ',
  "'",
  '"',
  '\\',
  '%_',
  '$1 ? :x',
  'null',
  'Ünïcödé',
  '\u{1F469}\u200D\u{1F680}',
  '\uFEFF\u2028\u00A0',
  'a\r\nb\tc',
  "'; DROP TABLE device; --",
  'x'.repeat(5_000),
  '\u0001',
  'İıſK',
];

const text = fc.oneof(fc.constantFrom(...AWKWARD), fc.string({ unit: 'grapheme' }), fc.string());
const storable = text.map((value) => value.replaceAll('\0', '').toWellFormed());
const MAX = Number.MAX_SAFE_INTEGER;
const integer = fc.oneof(fc.constantFrom(0, 1, -1, MAX, -MAX, 2 ** 31, 2 ** 32 + 1), fc.maxSafeInteger());
const real = fc
  .oneof(
    fc.constantFrom(0, 0.1, 1e300, -5e-324, 2 ** 53),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  .map((value) => value + 0);
/** As JSON gives it back: without -0. */
const json = fc
  .oneof(fc.jsonValue(), fc.constantFrom<unknown[]>(['\0', '\uD800'], { '': null }))
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);

function arbitraryValue(column: Column<unknown>): fc.Arbitrary<unknown> {
  const present: fc.Arbitrary<unknown> = {
    integer: integer.map((value) => value + 0),
    real,
    text: storable,
    boolean: fc.boolean(),
    // Of a column that may be null, null is the absence of a value and not a value of JSON.
    json: column.nullable ? json.filter((value) => value !== null) : json,
  }[column.kind];
  return column.nullable ? fc.option(present, { nil: null, freq: 3 }) : present;
}

export const columnsOfKind = (kind: EntityKind): Readonly<Record<string, Column<unknown>>> =>
  entities[kind].columns;

/** The primary key and the unique keys, without the organization. */
export const keysOf = (
  kind: EntityKind,
): { readonly columns: readonly string[]; readonly global: boolean }[] => [
  { columns: entities[kind].key, global: false },
  ...entities[kind].unique.map(({ columns, global }) => ({ columns, global: global === true })),
];

/** Columns of any key, in which no two rows of a case may agree by chance. */
const keyColumns = (kind: EntityKind): Set<string> => new Set(keysOf(kind).flatMap(({ columns }) => columns));

/** A row whose key columns are made from `number`, all others at random. */
export function arbitraryRow<K extends EntityKind>(
  kind: K,
  org: number,
): fc.Arbitrary<(number: number) => Row<K>> {
  const columns = columnsOfKind(kind);
  const inKey = keyColumns(kind);
  const values = Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [name, arbitraryValue(column)]),
  );
  return fc.record(values).map((random) => (number: number): Row<K> => {
    const row: Record<string, unknown> = { org, ...random };
    for (const name of inKey) {
      const kindOfColumn = columns[name]?.kind;
      if (kindOfColumn === 'integer') row[name] = number;
      else if (kindOfColumn === 'text') row[name] = `${String(random[name] ?? '').slice(0, 40)}#${number}`;
    }
    return row as unknown as Row<K>;
  });
}

/** The primary key as the port takes it. */
export function keyOf(kind: EntityKind, row: object): unknown {
  const names: readonly string[] = entities[kind].key;
  const values = row as Record<string, unknown>;
  return names.length === 1 && names[0] === 'id'
    ? values.id
    : Object.fromEntries(names.map((name) => [name, values[name]]));
}

export const ALL_KINDS = Object.keys(entities) as EntityKind[];
