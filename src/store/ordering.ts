/** Orders that are total and the same on both engines, and positions in them. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { type EntityKind, entities } from '../domain/model/entities.ts';
import { invalid } from '../kernel/errors.ts';
import { columnOf, encodeValue, type StoredValue } from './rows.ts';
import { storedKind } from './statements.ts';

export interface Order {
  readonly column: string;
  readonly descending?: boolean;
}

/** The order asked for, made total by the key: an id goes last, columns of other keys go where they are named. */
export function totalOrder(kind: EntityKind, given: readonly Order[]): readonly Order[] {
  const key: readonly string[] = entities[kind].key;
  if (key.length === 1 && key[0] === 'id') {
    const id = given.find((order) => order.column === 'id') ?? { column: 'id' };
    return [...given.filter((order) => order.column !== 'id'), id];
  }
  const missing = key.filter((name) => !given.some((order) => order.column === name));
  return [...given, ...missing.map((column) => ({ column }))];
}

const emptyValue = (kind: EntityKind, name: string): string | number =>
  storedKind(kind, name) === 'text' ? '' : 0;

/**
 * Engines disagree on where null stands in an order, so it is ordered as the empty value. `sorted` keeps SQLite from reading
 * rows in that order: without statistics it holds that for the cheapest, and would rather read a whole organization by its
 * key than the few that match by their index.
 */
export function orderKey(kind: EntityKind, name: string, sorted = false): RawBuilder<StoredValue> {
  if (!columnOf(kind, name).nullable) return sql<StoredValue>`${sql.raw(sorted ? '+' : '')}${sql.ref(name)}`;
  return sql<StoredValue>`coalesce(${sql.ref(name)}, ${sql.lit(emptyValue(kind, name))})`;
}

/** Rows after a position, for orders of mixed direction: (a > x) or (a = x and b > y) or ... Errors: `invalid`. */
export function afterPosition(
  kind: EntityKind,
  orders: readonly Order[],
  after: readonly unknown[],
): RawBuilder<SqlBool> {
  if (after.length !== orders.length) {
    throw invalid(`a position has ${orders.length} values, one for each column of the order`, 'after');
  }
  const position = orders.map(
    ({ column }, index) =>
      encodeValue(columnOf(kind, column), after[index], column) ?? emptyValue(kind, column),
  );
  const alternatives = orders.map((order, depth) => {
    const equal = orders
      .slice(0, depth)
      .map((earlier, index) => sql<SqlBool>`${orderKey(kind, earlier.column)} = ${position[index] ?? null}`);
    const operator = sql.raw(order.descending ? '<' : '>');
    const beyond = sql<SqlBool>`${orderKey(kind, order.column)} ${operator} ${position[depth] ?? null}`;
    return sql<SqlBool>`(${sql.join([...equal, beyond], sql` and `)})`;
  });
  return sql<SqlBool>`(${sql.join(alternatives, sql` or `)})`;
}
