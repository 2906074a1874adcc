/** Reads that are the same on a pool and inside a transaction. */
import {
  type Compilable,
  DummyDriver,
  type ExpressionBuilder,
  type ExpressionWrapper,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type SqlBool,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { EntityKind } from '../domain/model/entities.ts';
import type { ListOptions, Reader } from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';
import { createConditionCompiler, whereFilters } from './conditions.ts';
import type { Connection, Engine } from './engine.ts';
import { createRelatedReads } from './related.ts';
import {
  columnOf,
  columnsOf,
  decodeRow,
  encodeValue,
  keyValues,
  type StoredRow,
  type StoredValue,
} from './rows.ts';
import type { Statements } from './statements.ts';

interface Order {
  readonly column: string;
  readonly descending?: boolean;
}

/** Column types as stored; names are checked by `columnOf`, since the model is data. */
type Tables = Record<string, Record<string, StoredValue>>;
export type Builder = Kysely<Tables>;

const DEFAULT_FIND_LIMIT = 10_000;

/** A query builder that only compiles: statements run on our own connections. */
export function createBuilder(engine: Engine): Builder {
  const postgres = engine.name === 'postgres';
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => (postgres ? new PostgresAdapter() : new SqliteAdapter()),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => (postgres ? new PostgresIntrospector(db) : new SqliteIntrospector(db)),
      createQueryCompiler: () => (postgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler()),
    },
  });
}

export async function runBuilt(connection: Connection, query: Compilable): Promise<StoredRow[]> {
  const compiled = query.compile();
  return connection.run(compiled.sql, compiled.parameters as readonly StoredValue[]);
}

type Eb = ExpressionBuilder<Tables, string>;
type ColumnCondition = ExpressionWrapper<Tables, string, SqlBool>;

/** Rows after a position, for orders of mixed direction: (a > x) or (a = x and b > y) or ... */
function afterPosition<K extends EntityKind>(
  kind: K,
  eb: Eb,
  orders: readonly Order[],
  after: readonly StoredValue[],
): ColumnCondition {
  const alternatives = orders.map((order, depth) =>
    eb.and([
      ...orders
        .slice(0, depth)
        .map((earlier, index) => eb(orderKey(kind, earlier.column), '=', after[index] ?? '')),
      eb(orderKey(kind, order.column), order.descending ? '<' : '>', after[depth] ?? ''),
    ]),
  );
  return eb.or(alternatives);
}

/** Engines disagree on where null stands in an order, so it is ordered as the empty value. */
function orderKey(kind: EntityKind, name: string) {
  const column = columnOf(kind, name);
  if (!column.nullable) return sql<StoredValue>`${sql.ref(name)}`;
  return column.kind === 'text'
    ? sql<StoredValue>`coalesce(${sql.ref(name)}, '')`
    : sql<StoredValue>`coalesce(${sql.ref(name)}, 0)`;
}

export function createReader(
  engine: Engine['name'],
  connection: Connection,
  statements: Statements,
  builder: Builder,
): Reader {
  const conditions = createConditionCompiler(engine);
  const filtered = <K extends EntityKind>(
    kind: K,
    org: number,
    options: Pick<ListOptions<K>, 'where' | 'filters' | 'anyOf' | 'condition'>,
  ) => {
    let query = builder.selectFrom(kind as string).where('org', '=', org);
    for (const filter of [...whereFilters(options.where), ...(options.filters ?? [])]) {
      query = query.where(conditions.compile(kind, kind, filter));
    }
    const { anyOf, condition } = options;
    if (anyOf !== undefined && anyOf.length > 0) {
      query = query.where(conditions.compile(kind, kind, { anyOf }));
    }
    if (condition !== undefined) query = query.where(conditions.compile(kind, kind, condition));
    return query;
  };

  return {
    ...createRelatedReads(connection, builder, conditions),
    get: async (kind, org, key) => {
      const rows = await connection.run(statements.selectByKey(kind), [org, ...keyValues(kind, key)]);
      return rows[0] === undefined ? undefined : decodeRow(kind, rows[0]);
    },
    find: async (kind, org, where, limit = DEFAULT_FIND_LIMIT) => {
      const conditions = Object.entries(where).filter(([, value]) => value !== undefined);
      if (conditions.some(([, value]) => Array.isArray(value) && value.length === 0)) return [];
      const parameters: StoredValue[] = [org];
      const counts = conditions.map(([name, value]) => {
        const column = columnOf(kind, name);
        if (value === null) return 0;
        const values: readonly unknown[] = Array.isArray(value) ? value : [value];
        parameters.push(...values.map((one) => encodeValue(column, one)));
        return values.length;
      });
      const names = conditions.map(([name]) => name);
      const rows = await connection.run(statements.selectWhere(kind, names, counts, limit + 1), parameters);
      if (rows.length > limit) throw new AppError('too_large', `more than ${limit} rows of ${kind} match`);
      return rows.map((row) => decodeRow(kind, row));
    },
    list: async (kind, org, options) => {
      const byId: Order = { column: 'id' };
      const given: readonly Order[] = options.orderBy ?? [];
      const orders: readonly Order[] = [
        ...given.filter((order) => order.column !== 'id'),
        given.find((order) => order.column === 'id') ?? byId,
      ];
      let query = filtered(kind, org, options).select([...columnsOf(kind)]);
      const after = options.after;
      if (after !== undefined) {
        const position = orders.map((order, index) =>
          encodeValue(columnOf(kind, order.column), after[index] ?? null),
        );
        query = query.where((eb) => afterPosition(kind, eb, orders, position));
      }
      for (const order of orders)
        query = query.orderBy(orderKey(kind, order.column), order.descending ? 'desc' : 'asc');
      const rows = await runBuilt(connection, query.limit(options.limit));
      return rows.map((row) => decodeRow(kind, row));
    },
    count: async (kind, org, options = {}) => {
      const query = filtered(kind, org, options).select((eb) => eb.fn.countAll<number>().as('count'));
      const rows = await runBuilt(connection, query);
      return Number(rows[0]?.count ?? 0);
    },
    lookup: async (kind: 'credential' | 'device' | 'invitation', column: string, value: string) => {
      columnOf(kind, column);
      const query = builder
        .selectFrom(kind as string)
        .select([...columnsOf(kind)])
        .where(column, '=', value);
      const rows = await runBuilt(connection, query);
      // The overloads of the port pair each kind with its row; one implementation serves them all.
      return rows[0] === undefined ? undefined : (decodeRow(kind, rows[0]) as never);
    },
  };
}
