/** Conditions of the port as SQL. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { EntityKind, Row } from '../domain/model/entities.ts';
import type { Condition, Exists, Filter, Where } from '../domain/ports/store.ts';
import { createPattern } from '../kernel/pattern.ts';
import type { Engine } from './engine.ts';
import { columnOf, encodeValue, type StoredValue } from './rows.ts';

export type Sql = RawBuilder<SqlBool>;

const escapeLike = (value: string): string => value.toLowerCase().replace(/[\\%_]/gu, (char) => `\\${char}`);

const TRUE = sql<SqlBool>`1 = 1`;
const FALSE = sql<SqlBool>`1 = 0`;

const joined = (parts: readonly Sql[], word: 'and' | 'or'): Sql =>
  sql<SqlBool>`(${sql.join(parts, word === 'and' ? sql` and ` : sql` or `)})`;

export const allOf = (parts: readonly Sql[]): Sql => (parts.length === 0 ? TRUE : joined(parts, 'and'));
const anyOf = (parts: readonly Sql[]): Sql => (parts.length === 0 ? FALSE : joined(parts, 'or'));

/** Compiles conditions on a kind whose table goes by `alias` in the statement. */
export interface ConditionCompiler {
  compile<K extends EntityKind>(kind: K, alias: string, condition: Condition<K>): Sql;
}

/** The parts of `where` as filters. */
export function whereFilters<K extends EntityKind>(where: Where<K> | undefined): Filter<K>[] {
  return Object.entries(where ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([column, value]): Filter<K> => {
      const name = column as keyof Row<K> & string;
      if (value === null) return { column: name, operator: 'is-null' };
      if (Array.isArray(value)) return { column: name, operator: 'in', value };
      return { column: name, operator: '=', value: value as string | number | boolean };
    });
}

export function createConditionCompiler(engine: Engine['name']): ConditionCompiler {
  let aliases = 0;

  const filterSql = <K extends EntityKind>(kind: K, alias: string, filter: Filter<K>): Sql => {
    const column = columnOf(kind, filter.column);
    const bare = sql.ref(`${alias}.${filter.column}`);
    const ref = filter.emptyForNull === true ? sql`coalesce(${bare}, '')` : bare;
    const text = String(filter.value ?? '');
    const value = (): StoredValue => encodeValue(column, filter.value);
    const values = (): RawBuilder<unknown>[] =>
      (Array.isArray(filter.value) ? filter.value : [filter.value]).map(
        (one) => sql`${encodeValue(column, one)}`,
      );
    const like = (pattern: string): Sql => sql`lower(${ref}) like ${pattern} escape '\\'`;
    switch (filter.operator) {
      case 'contains':
        return like(`%${escapeLike(text)}%`);
      case 'starts-with':
        return like(`${escapeLike(text)}%`);
      case 'ends-with':
        return like(`%${escapeLike(text)}`);
      // LIKE ignores case in one engine and not in the other, so the exact forms do without it.
      case 'contains-exact':
        return text === '' ? sql`${ref} is not null` : sql`replace(${ref}, ${text}, '') <> ${ref}`;
      case 'starts-with-exact':
        return sql`substr(${ref}, 1, ${sql.lit([...text].length)}) = ${text}`;
      case 'ends-with-exact':
        return text === ''
          ? sql`${ref} is not null`
          : sql`substr(${ref}, length(${ref}) - ${sql.lit([...text].length - 1)}) = ${text}`;
      case 'matches': {
        const pattern = createPattern(text);
        return engine === 'postgres' ? sql`${ref} ~ ${pattern.postgres}` : sql`${ref} regexp ${text}`;
      }
      case 'same-as':
        columnOf(kind, text);
        return sql`${ref} = ${sql.ref(`${alias}.${text}`)}`;
      case 'is-null':
        return sql`${bare} is null`;
      case 'not-null':
        return sql`${bare} is not null`;
      case 'in': {
        const list = values();
        return list.length === 0 ? FALSE : sql`${ref} in (${sql.join(list)})`;
      }
      case 'not-in': {
        const list = values();
        return list.length === 0 ? TRUE : sql`${ref} not in (${sql.join(list)})`;
      }
      default:
        return sql`${ref} ${sql.raw(filter.operator)} ${value()}`;
    }
  };

  const existsSql = <K extends EntityKind>(kind: K, alias: string, condition: Exists<K>): Sql => {
    aliases = (aliases + 1) % 1_000_000;
    const inner = `x${aliases}`;
    const pairs = Object.entries(condition.on).map(([column, outer]): Sql => {
      columnOf(condition.exists, column);
      columnOf(kind, outer);
      return sql`${sql.ref(`${inner}.${column}`)} = ${sql.ref(`${alias}.${outer}`)}`;
    });
    // The port made it from a condition on that very kind.
    const more =
      condition.condition === undefined
        ? []
        : [compile(condition.exists, inner, condition.condition as Condition<EntityKind>)];
    const org: Sql = sql`${sql.ref(`${inner}.org`)} = ${sql.ref(`${alias}.org`)}`;
    return sql`exists (select 1 from ${sql.table(condition.exists)} as ${sql.ref(inner)} where ${allOf([org, ...pairs, ...more])})`;
  };

  function compile<K extends EntityKind>(kind: K, alias: string, condition: Condition<K>): Sql {
    if ('allOf' in condition) return allOf(condition.allOf.map((part) => compile(kind, alias, part)));
    if ('anyOf' in condition) return anyOf(condition.anyOf.map((part) => compile(kind, alias, part)));
    if ('not' in condition) return sql`not (${compile(kind, alias, condition.not)})`;
    if ('exists' in condition) return existsSql(kind, alias, condition);
    return filterSql(kind, alias, condition);
  }
  return { compile };
}
