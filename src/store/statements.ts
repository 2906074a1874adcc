/**
 * SQL of the operations that every entity has, as text made once for each kind. They are the hot paths; lists and reports
 * go through the query builder.
 */
import { type EntityKind, entities } from '../domain/model/entities.ts';
import { columnsOf, type StoredValue } from './rows.ts';

export type Placeholder = (position: number) => string;
export const sqlitePlaceholder: Placeholder = () => '?';
export const postgresPlaceholder: Placeholder = (position) => `$${position}`;

/** A text whose `?` stand for parameters in the order in which they come. */
export function withPlaceholders(placeholder: Placeholder, sql: string): string {
  let position = 0;
  return sql.replace(/\?/gu, () => {
    position += 1;
    return placeholder(position);
  });
}

/** A list of values as one parameter: its length changes no statement's text and meets no bound on parameters. */
export interface Lists {
  /** The condition that `column` (SQL) is one of a list: what stands before and after the parameter's mark. */
  oneOf(column: string, kind: 'integer' | 'real' | 'text'): readonly [before: string, after: string];
  encode(values: readonly (string | number)[]): StoredValue;
}

export const sqliteLists: Lists = {
  oneOf: (column) => [`${column} IN (SELECT value FROM json_each(`, '))'],
  encode: (values) => JSON.stringify(values),
};

const POSTGRES_TYPES = { integer: 'bigint', real: 'double precision', text: 'text' } as const;
export const postgresLists: Lists = {
  oneOf: (column, kind) => [`${column} = ANY(`, `::${POSTGRES_TYPES[kind]}[])`],
  // The text form of an array: every element quoted, with backslashes before backslashes and quotes.
  encode: (values) =>
    `{${values.map((value) => `"${String(value).replace(/["\\]/gu, (char) => `\\${char}`)}"`).join(',')}}`,
};

const quote = (name: string): string => `"${name}"`;

/** How a column is compared: with one value, with a list, with null, or with a list or null. */
export type Comparison = 'one' | 'list' | 'null' | 'list-or-null';

export interface Statements {
  readonly engine: 'sqlite' | 'postgres';
  readonly lists: Lists;
  selectByKey(kind: EntityKind): string;
  /** Parameters: the organization, a value or list for each column but those compared with null, the limit. */
  selectWhere(kind: EntityKind, columns: readonly string[], comparisons: readonly Comparison[]): string;
  /** By a column that is unique in the installation. */
  selectGlobal(kind: EntityKind, column: string): string;
  /** The same for a list of values. */
  selectGlobalList(kind: EntityKind, column: string): string;
  insert(kind: EntityKind, rows: number): string;
  upsert(kind: EntityKind): string;
  update(kind: EntityKind, columns: readonly string[]): string;
  remove(kind: EntityKind): string;
}

/** One INSERT of several rows. */
export function insertText(
  placeholder: Placeholder,
  table: string,
  columns: readonly string[],
  rows: number,
): string {
  const width = columns.length;
  const tuples = Array.from(
    { length: rows },
    (_, row) => `(${columns.map((_column, index) => placeholder(row * width + index + 1)).join(', ')})`,
  );
  return `INSERT INTO ${quote(table)} (${columns.map(quote).join(', ')}) VALUES ${tuples.join(', ')}`;
}

/** Inserts of up to this many rows keep their text. */
const CACHED_INSERT_ROWS = 4;

/** The stored type of a column: booleans are integers, JSON is text. */
export function storedKind(kind: EntityKind, name: string): 'integer' | 'real' | 'text' {
  if (name === 'org') return 'integer';
  const columns: Readonly<Record<string, { readonly kind: string }>> = entities[kind].columns;
  const declared = columns[name]?.kind;
  return declared === 'integer' || declared === 'boolean' ? 'integer' : declared === 'real' ? 'real' : 'text';
}

export function createStatements(parts: {
  readonly name: 'sqlite' | 'postgres';
  readonly placeholder: Placeholder;
  readonly lists: Lists;
}): Statements {
  const { placeholder, lists } = parts;
  const cache = new Map<string, string>();
  const once = (id: string, make: () => string): string => {
    let sql = cache.get(id);
    if (sql === undefined) {
      sql = make();
      cache.set(id, sql);
    }
    return sql;
  };
  const keyNames = (kind: EntityKind): readonly string[] => ['org', ...entities[kind].key];
  const conditions = (names: readonly string[], from: number): string =>
    names.map((name, index) => `${quote(name)} = ${placeholder(from + index)}`).join(' AND ');
  // As in `orderKey`.
  const sorted = (name: string): string => (parts.name === 'sqlite' ? `+${quote(name)}` : quote(name));
  const columnList = (kind: EntityKind): string => columnsOf(kind).map(quote).join(', ');
  const insertRows = (kind: EntityKind, rows: number): string =>
    insertText(placeholder, kind, columnsOf(kind), rows);

  return {
    engine: parts.name,
    lists,
    selectByKey: (kind) =>
      once(
        `key ${kind}`,
        () => `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${conditions(keyNames(kind), 1)}`,
      ),
    selectWhere: (kind, columns, comparisons) =>
      once(`where ${kind} ${columns.join()} ${comparisons.join()}`, () => {
        let position = 2;
        const parts = columns.map((name, index) => {
          const comparison = comparisons[index] ?? 'one';
          const isNull = `${quote(name)} IS NULL`;
          if (comparison === 'null') return isNull;
          const mark = placeholder(position++);
          if (comparison === 'one') return `${quote(name)} = ${mark}`;
          const oneOf = lists.oneOf(quote(name), storedKind(kind, name)).join(mark);
          return comparison === 'list' ? oneOf : `(${oneOf} OR ${isNull})`;
        });
        const where = [`${quote('org')} = ${placeholder(1)}`, ...parts].join(' AND ');
        const order = entities[kind].key.map(columns.length === 0 ? quote : sorted).join(', ');
        return `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${where} ORDER BY ${order} LIMIT ${placeholder(position)}`;
      }),
    selectGlobal: (kind, column) =>
      once(
        `global ${kind} ${column}`,
        () => `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${quote(column)} = ${placeholder(1)}`,
      ),
    selectGlobalList: (kind, column) =>
      once(`global list ${kind} ${column}`, () => {
        const oneOf = lists.oneOf(quote(column), storedKind(kind, column)).join(placeholder(1));
        return `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${oneOf}`;
      }),
    insert: (kind, rows) =>
      rows <= CACHED_INSERT_ROWS
        ? once(`insert ${kind} ${rows}`, () => insertRows(kind, rows))
        : insertRows(kind, rows),
    upsert: (kind) =>
      once(`upsert ${kind}`, () => {
        const key = keyNames(kind);
        const rest = columnsOf(kind).filter((name) => !key.includes(name));
        const action =
          rest.length === 0
            ? 'DO NOTHING'
            : `DO UPDATE SET ${rest.map((name) => `${quote(name)} = excluded.${quote(name)}`).join(', ')}`;
        return `${insertRows(kind, 1)} ON CONFLICT (${key.map(quote).join(', ')}) ${action}`;
      }),
    update: (kind, columns) =>
      once(`update ${kind} ${columns.join()}`, () => {
        const set = columns.map((name, index) => `${quote(name)} = ${placeholder(index + 1)}`).join(', ');
        return `UPDATE ${quote(kind)} SET ${set} WHERE ${conditions(keyNames(kind), columns.length + 1)}`;
      }),
    remove: (kind) =>
      once(`remove ${kind}`, () => `DELETE FROM ${quote(kind)} WHERE ${conditions(keyNames(kind), 1)}`),
  };
}
