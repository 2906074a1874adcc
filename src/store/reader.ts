/** Reads that are the same on a pool and inside a transaction. */
import { type EntityKind, entities } from '../domain/model/entities.ts';
import type { Condition, ListOptions, Reader } from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';
import { createConditionCompiler, whereFilters } from './conditions.ts';
import type { Connection } from './engine.ts';
import { afterPosition, orderKey, totalOrder } from './ordering.ts';
import { type Builder, runBuilt } from './query-builder.ts';
import { createRelatedReads } from './related.ts';
import { columnOf, columnsOf, decodeRow, encodeValue, keyValues, type StoredValue } from './rows.ts';
import type { Comparison, Statements } from './statements.ts';

export { type Builder, createBuilder, runBuilt } from './query-builder.ts';

const DEFAULT_FIND_LIMIT = 10_000;

export function createReader(connection: Connection, statements: Statements, builder: Builder): Reader {
  const conditions = createConditionCompiler(statements);
  const isSqlite = statements.engine === 'sqlite';
  const filtered = <K extends EntityKind>(
    kind: K,
    org: number,
    options: Pick<ListOptions<K>, 'where' | 'filters' | 'anyOf' | 'condition'>,
  ) => {
    const { filters = [], anyOf = [], condition } = options;
    const all: Condition<K>[] = [...whereFilters(options.where), ...filters];
    if (anyOf.length > 0) all.push({ anyOf });
    if (condition !== undefined) all.push(condition);
    const query = builder.selectFrom(kind as string).where('org', '=', org);
    return all.length === 0 ? query : query.where(conditions.compile(kind, kind, { allOf: all }));
  };

  // Without the organization only a key that is unique in the installation leads to one row.
  const requireUnique = (kind: EntityKind, column: string): void => {
    const unique = entities[kind].unique.some((key) => key.global && key.columns.includes(column));
    if (!unique) throw new TypeError(`${kind}.${column} is not unique in the installation`);
  };

  return {
    ...createRelatedReads(connection, builder, conditions),
    get: async (kind, org, key) => {
      const rows = await connection.run(statements.selectByKey(kind), [org, ...keyValues(kind, key)]);
      return rows[0] === undefined ? undefined : decodeRow(kind, rows[0]);
    },
    find: async (kind, org, where, limit = DEFAULT_FIND_LIMIT) => {
      const compared = Object.entries(where).filter(([, value]) => value !== undefined);
      if (compared.some(([, value]) => Array.isArray(value) && value.length === 0)) return [];
      const parameters: StoredValue[] = [org];
      const comparisons = compared.map(([name, value]): Comparison => {
        const column = columnOf(kind, name);
        if (column.kind === 'json') throw new TypeError(`${kind}.${name} holds JSON and cannot be asked for`);
        if (value === null) return 'null';
        if (!Array.isArray(value)) {
          parameters.push(encodeValue(column, value, name));
          return 'one';
        }
        const values = value.map((one: unknown) => encodeValue(column, one, name));
        const present = values.filter((one) => one !== null);
        parameters.push(statements.lists.encode(present));
        return present.length === values.length ? 'list' : 'list-or-null';
      });
      const names = compared.map(([name]) => name);
      const sql = statements.selectWhere(kind, names, comparisons);
      const rows = await connection.run(sql, [...parameters, limit + 1]);
      if (rows.length > limit) throw new AppError('too_large', `more than ${limit} rows of ${kind} match`);
      return rows.map((row) => decodeRow(kind, row));
    },
    list: async (kind, org, options) => {
      const orders = totalOrder(kind, options.orderBy ?? []);
      let query = filtered(kind, org, options).select([...columnsOf(kind)]);
      if (options.after !== undefined) query = query.where(afterPosition(kind, orders, options.after));
      const { few = false } = options;
      for (const order of orders)
        query = query.orderBy(
          orderKey(kind, order.column, few && isSqlite),
          order.descending ? 'desc' : 'asc',
        );
      const rows = await runBuilt(connection, query.limit(options.limit));
      return rows.map((row) => decodeRow(kind, row));
    },
    count: async (kind, org, options = {}) => {
      const query = filtered(kind, org, options).select((eb) => eb.fn.countAll<number>().as('count'));
      const rows = await runBuilt(connection, query);
      return Number(rows[0]?.count ?? 0);
    },
    lookup: async (
      kind: 'credential' | 'device' | 'address' | 'certChallenge' | 'invitation',
      column: string,
      value: string,
    ) => {
      requireUnique(kind, column);
      const encoded = encodeValue(columnOf(kind, column), value, column);
      const rows = await connection.run(statements.selectGlobal(kind, column), [encoded]);
      // The overloads of the port pair each kind with its row; one implementation serves them all.
      return rows[0] === undefined ? undefined : (decodeRow(kind, rows[0]) as never);
    },
    lookupAll: async (kind, column, values) => {
      requireUnique(kind, column);
      if (values.length === 0) return [];
      const list = statements.lists.encode(values);
      const rows = await connection.run(statements.selectGlobalList(kind, column), [list]);
      return rows.map((row) => decodeRow(kind, row));
    },
  };
}
