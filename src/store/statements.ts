/**
 * SQL of the operations that every entity has, as text made once for each kind. They are the hot paths; lists and reports
 * go through the query builder.
 */
import { type EntityKind, entities } from '../domain/model/entities.ts';
import { columnsOf } from './rows.ts';

export type Placeholder = (position: number) => string;
export const sqlitePlaceholder: Placeholder = () => '?';
export const postgresPlaceholder: Placeholder = (position) => `$${position}`;

const quote = (name: string): string => `"${name}"`;

export interface Statements {
  selectByKey(kind: EntityKind): string;
  /** `counts`: how many values each column is compared with; 1 is '=', more is 'IN', 0 is 'IS NULL'. */
  selectWhere(kind: EntityKind, columns: readonly string[], counts: readonly number[], limit: number): string;
  insert(kind: EntityKind, rows: number): string;
  upsert(kind: EntityKind): string;
  update(kind: EntityKind, columns: readonly string[]): string;
  remove(kind: EntityKind): string;
}

export function createStatements(placeholder: Placeholder): Statements {
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
  const columnList = (kind: EntityKind): string => columnsOf(kind).map(quote).join(', ');

  const insertText = (kind: EntityKind, rows: number): string => {
    const width = columnsOf(kind).length;
    const tuples = Array.from(
      { length: rows },
      (_, row) =>
        `(${columnsOf(kind)
          .map((_column, index) => placeholder(row * width + index + 1))
          .join(', ')})`,
    );
    return `INSERT INTO ${quote(kind)} (${columnList(kind)}) VALUES ${tuples.join(', ')}`;
  };

  return {
    selectByKey: (kind) =>
      once(
        `key ${kind}`,
        () => `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${conditions(keyNames(kind), 1)}`,
      ),
    selectWhere: (kind, columns, counts, limit) => {
      const make = () => {
        let position = 2;
        const parts = columns.map((name, index) => {
          const count = counts[index] ?? 0;
          if (count === 0) return `${quote(name)} IS NULL`;
          const marks = Array.from({ length: count }, () => placeholder(position++));
          return count === 1 ? `${quote(name)} = ${marks[0]}` : `${quote(name)} IN (${marks.join(', ')})`;
        });
        const where = [`${quote('org')} = ${placeholder(1)}`, ...parts].join(' AND ');
        const order = entities[kind].key.map(quote).join(', ');
        return `SELECT ${columnList(kind)} FROM ${quote(kind)} WHERE ${where} ORDER BY ${order} LIMIT ${limit}`;
      };
      // Texts with long IN lists are many and rare: keeping them would grow the cache without bound.
      return counts.every((count) => count <= 1)
        ? once(`where ${kind} ${columns.join()} ${counts.join()} ${limit}`, make)
        : make();
    },
    insert: (kind, rows) =>
      rows <= 4 ? once(`insert ${kind} ${rows}`, () => insertText(kind, rows)) : insertText(kind, rows),
    upsert: (kind) =>
      once(`upsert ${kind}`, () => {
        const key = keyNames(kind);
        const rest = columnsOf(kind).filter((name) => !key.includes(name));
        const action =
          rest.length === 0
            ? 'DO NOTHING'
            : `DO UPDATE SET ${rest.map((name) => `${quote(name)} = excluded.${quote(name)}`).join(', ')}`;
        return `${insertText(kind, 1)} ON CONFLICT (${key.map(quote).join(', ')}) ${action}`;
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
