/** Coding of rows: booleans are 0 and 1 and JSON is text in the database, in both engines. */
import { type EntityKind, entities, type Row } from '../domain/model/entities.ts';
import type { Column } from '../domain/model/spec.ts';
import { invalid } from '../kernel/errors.ts';
import { canonicalJson } from '../kernel/json.ts';

export type StoredValue = string | number | null;
export type StoredRow = Readonly<Record<string, StoredValue>>;

interface Coder {
  readonly columns: readonly string[];
  readonly encode: (row: Readonly<Record<string, unknown>>) => StoredValue[];
  readonly decode: (row: StoredRow) => Record<string, unknown>;
  readonly decodeValues: (values: readonly StoredValue[]) => Record<string, unknown>;
}

/**
 * PostgreSQL refuses the character U+0000 in text, and both engines would replace half a surrogate pair: what is read
 * would differ from what was written. Such text comes from outside only, so the answer names the field.
 */
function checkText(value: string, name: string): string {
  if (value.includes('\0') || !value.isWellFormed()) {
    throw invalid(`${name} holds a character that cannot be stored`, name);
  }
  return value;
}

const mismatch = (column: Column<unknown>, name: string, value: unknown): TypeError =>
  new TypeError(
    `${name} is a column of kind ${column.kind} and cannot hold ${typeof value} ${String(value)}`,
  );

/** Null and undefined become null. Throws `invalid` on text that cannot be stored, TypeError on a value of another kind. */
export function encodeValue(column: Column<unknown>, value: unknown, name = 'value'): StoredValue {
  if (value === undefined) return null;
  if (column.kind === 'json') {
    // In a column that is not nullable, null is a value of JSON like any other.
    if (value === null && column.nullable) return null;
    const coded: string | undefined = JSON.stringify(value);
    if (coded === undefined) throw mismatch(column, name, value);
    return coded;
  }
  if (value === null) return null;
  switch (column.kind) {
    case 'boolean':
      if (typeof value === 'boolean') return value ? 1 : 0;
      break;
    case 'integer':
      // Adding 0 turns -0 into 0, which is what comes back from a column of integers.
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0;
      break;
    case 'real':
      if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
      break;
    case 'text':
      if (typeof value === 'string') return checkText(value, name);
      break;
  }
  throw mismatch(column, name, value);
}

function decodeValue(column: Column<unknown>, value: StoredValue): unknown {
  if (value === null) return null;
  if (column.kind === 'json') return typeof value === 'string' ? JSON.parse(value) : value;
  if (column.kind === 'boolean') return value !== 0;
  return value;
}

/** Whether two values of a column mean the same: members of JSON objects have no order. */
export function sameValue(column: Column<unknown>, name: string, a: unknown, b: unknown): boolean {
  if (encodeValue(column, a, name) === encodeValue(column, b, name)) return true;
  return column.kind === 'json' && a !== null && b !== null && canonicalJson(a) === canonicalJson(b);
}

const INTEGER_COLUMN: Column<unknown> = { kind: 'integer', nullable: false };

function createCoder(kind: EntityKind): Coder {
  const spec = entities[kind];
  const named: readonly (readonly [string, Column<unknown>])[] = [
    ['org', INTEGER_COLUMN],
    ...Object.entries(spec.columns),
  ];
  return {
    columns: named.map(([name]) => name),
    encode: (row) =>
      named.map(([name, column]) => {
        const value = encodeValue(column, row[name], name);
        if (value === null && !column.nullable) throw new TypeError(`${kind}.${name} must have a value`);
        return value;
      }),
    decode: (row) => {
      const decoded: Record<string, unknown> = {};
      for (const [name, column] of named) decoded[name] = decodeValue(column, row[name] ?? null);
      return decoded;
    },
    decodeValues: (values) => {
      const decoded: Record<string, unknown> = {};
      named.forEach(([name, column], index) => {
        decoded[name] = decodeValue(column, values[index] ?? null);
      });
      return decoded;
    },
  };
}

const coders = new Map<EntityKind, Coder>(
  (Object.keys(entities) as EntityKind[]).map((kind) => [kind, createCoder(kind)]),
);

function coderOf(kind: EntityKind): Coder {
  const coder = coders.get(kind);
  if (coder === undefined) throw new TypeError(`no such kind of entity: ${kind}`);
  return coder;
}

/** All columns of a kind in the order of its declaration, `org` first. */
export const columnsOf = (kind: EntityKind): readonly string[] => coderOf(kind).columns;

export const columnOf = (kind: EntityKind, name: string): Column<unknown> => {
  if (name === 'org') return INTEGER_COLUMN;
  const columns: Readonly<Record<string, Column<unknown>>> = entities[kind].columns;
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined) throw new TypeError(`${kind} has no column ${name}`);
  return column;
};

/** The values of all columns. Throws when one is missing or of another kind; columns that are none are left out. */
export const encodeRow = (kind: EntityKind, row: Readonly<Record<string, unknown>>): StoredValue[] =>
  coderOf(kind).encode(row);

/** The decoder is made from the same declaration as `Row<K>`, so the shapes agree by construction. */
export const decodeRow = <K extends EntityKind>(kind: K, row: StoredRow): Row<K> =>
  coderOf(kind).decode(row) as unknown as Row<K>;

/** From what `encodeRow` gave: the row as a later read will give it. */
export const decodeValues = <K extends EntityKind>(kind: K, values: readonly StoredValue[]): Row<K> =>
  coderOf(kind).decodeValues(values) as unknown as Row<K>;

/** The values of the primary key, after `org`, in the order of the declaration. */
export function keyValues(kind: EntityKind, key: unknown): StoredValue[] {
  const names: readonly string[] = entities[kind].key;
  const values =
    typeof key === 'object' && key !== null ? (key as Readonly<Record<string, unknown>>) : { id: key };
  return names.map((name) => {
    const value = encodeValue(columnOf(kind, name), values[name], name);
    if (value === null) throw new TypeError(`the key of ${kind} needs ${name}`);
    return value;
  });
}

export const keyText = (kind: EntityKind, row: Readonly<Record<string, unknown>>): string =>
  keyValues(kind, row).join('/');
