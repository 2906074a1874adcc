/** Coding of rows: booleans are 0 and 1 and JSON is text in the database, in both engines. */
import { type EntityKind, entities, type Row } from '../domain/model/entities.ts';
import type { Column } from '../domain/model/spec.ts';

export type StoredValue = string | number | null;
export type StoredRow = Readonly<Record<string, StoredValue>>;

interface Coder {
  readonly columns: readonly string[];
  readonly encode: (row: Readonly<Record<string, unknown>>) => StoredValue[];
  readonly decode: (row: StoredRow) => Record<string, unknown>;
}

export function encodeValue(column: Column<unknown>, value: unknown): StoredValue {
  if (value === null || value === undefined) return null;
  if (column.kind === 'json') return JSON.stringify(value);
  if (column.kind === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number') return value;
  throw new TypeError(`a column of kind ${column.kind} cannot hold a ${typeof value}`);
}

export function decodeValue(column: Column<unknown>, value: StoredValue): unknown {
  if (value === null) return null;
  if (column.kind === 'json') return typeof value === 'string' ? JSON.parse(value) : value;
  if (column.kind === 'boolean') return value !== 0;
  return value;
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
    encode: (row) => named.map(([name, column]) => encodeValue(column, row[name])),
    decode: (row) => {
      const decoded: Record<string, unknown> = {};
      for (const [name, column] of named) decoded[name] = decodeValue(column, row[name] ?? null);
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
  const column = columns[name];
  if (column === undefined) throw new TypeError(`${kind} has no column ${name}`);
  return column;
};

export const encodeRow = (kind: EntityKind, row: Readonly<Record<string, unknown>>): StoredValue[] =>
  coderOf(kind).encode(row);

/** The decoder is made from the same declaration as `Row<K>`, so the shapes agree by construction. */
export const decodeRow = <K extends EntityKind>(kind: K, row: StoredRow): Row<K> =>
  coderOf(kind).decode(row) as unknown as Row<K>;

/** The values of the primary key, after `org`, in the order of the declaration. */
export function keyValues(kind: EntityKind, key: unknown): StoredValue[] {
  const names: readonly string[] = entities[kind].key;
  if (typeof key === 'number') return [key];
  const values = key as Readonly<Record<string, unknown>>;
  return names.map((name) => encodeValue(columnOf(kind, name), values[name]));
}

export const keyText = (kind: EntityKind, row: Readonly<Record<string, unknown>>): string =>
  keyValues(kind, row).join('/');
