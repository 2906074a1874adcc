/**
 * Conditions of the port as SQL that means the same on both engines.
 *
 * Of null nothing is known, as in SQL: no comparison holds for it and no negation of one, but `=` null means `is-null`.
 * Text is compared by its bytes (the columns of PostgreSQL are declared COLLATE "C"); `contains` and its like fold the
 * letters A to Z alone, because that is all the folding on which both engines agree.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { EntityKind, Row } from '../domain/model/entities.ts';
import type { Condition, Exists, Filter, Where } from '../domain/ports/store.ts';
import { AppError, invalid } from '../kernel/errors.ts';
import { createPattern } from '../kernel/pattern.ts';
import type { Engine } from './engine.ts';
import { columnOf, encodeValue, type StoredValue } from './rows.ts';
import { type Lists, storedKind } from './statements.ts';

export type Sql = RawBuilder<SqlBool>;

/** Deep chains of conditions and long patterns meet bounds of SQLite's parser (1,000 levels, 50,000 bytes). */
const MAX_CONDITIONS = 400;
const MAX_PATTERN_LENGTH = 4_000;

const asciiLower = (value: string): string => value.replace(/[A-Z]/gu, (letter) => letter.toLowerCase());
const escapeLike = (value: string): string => asciiLower(value).replace(/[\\%_]/gu, (char) => `\\${char}`);

const TRUE = sql<SqlBool>`1 = 1`;
const FALSE = sql<SqlBool>`1 = 0`;

const joined = (parts: readonly Sql[], word: 'and' | 'or'): Sql =>
  sql<SqlBool>`(${sql.join(parts, word === 'and' ? sql` and ` : sql` or `)})`;

export const allOf = (parts: readonly Sql[]): Sql => (parts.length === 0 ? TRUE : joined(parts, 'and'));
const anyOf = (parts: readonly Sql[]): Sql => (parts.length === 0 ? FALSE : joined(parts, 'or'));

/** That `ref`, a column of `kind`, is one of `values`. */
export function oneOf(
  lists: Lists,
  ref: RawBuilder<unknown>,
  kind: 'integer' | 'real' | 'text',
  values: readonly (string | number)[],
): Sql {
  if (values.length === 0) return FALSE;
  const [before, after] = lists.oneOf('', kind);
  return sql<SqlBool>`${ref}${sql.raw(before)}${lists.encode(values)}${sql.raw(after)}`;
}

/** Compiles conditions on a kind whose table goes by `alias` in the statement. Errors: `too_large`, `invalid`. */
export interface ConditionCompiler {
  readonly lists: Lists;
  compile<K extends EntityKind>(kind: K, alias: string, condition: Condition<K>): Sql;
}

/** The parts of `where` as filters. */
export function whereFilters<K extends EntityKind>(where: Where<K> | undefined): Filter<K>[] {
  return Object.entries(where ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([column, value]): Filter<K> => {
      const name = column as keyof Row<K> & string;
      if (Array.isArray(value)) return { column: name, operator: 'in', value };
      return { column: name, operator: '=', value: value as string | number | boolean | null };
    });
}

const HOLDS = ['holds', 'holds-start', 'holds-end', 'holds-part'] as const;
type Holds = (typeof HOLDS)[number];
const isHolds = (operator: string): operator is Holds => (HOLDS as readonly string[]).includes(operator);

/** What the JSON of a list has in it when the list holds a text that is, starts with, ends with or contains the value. */
function fragmentOf(operator: Holds, value: unknown): string {
  const quoted = JSON.stringify(String(value ?? ''));
  const open = operator === 'holds' || operator === 'holds-start' ? 0 : 1;
  const close = operator === 'holds' || operator === 'holds-end' ? quoted.length : -1;
  return quoted.slice(open, close);
}

function filterSql<K extends EntityKind>(
  parts: ConditionCompilerParts,
  kind: K,
  alias: string,
  filter: Filter<K>,
): Sql {
  const { engine, lists } = parts;
  const { column: name, operator } = filter;
  const column = columnOf(kind, name);
  const bare = sql.ref(`${alias}.${name}`);
  if (operator === 'is-null') return sql`${bare} is null`;
  if (operator === 'not-null') return sql`${bare} is not null`;
  if (isHolds(operator)) {
    if (column.kind !== 'json') throw new TypeError(`${kind}.${name} is no list`);
    const part = fragmentOf(operator, filter.value);
    return part === '' ? sql`${bare} <> '[]'` : sql`replace(${bare}, ${part}, '') <> ${bare}`;
  }
  if (column.kind === 'json') throw new TypeError(`${kind}.${name} holds JSON and cannot be asked for`);
  const emptyForNull = filter.emptyForNull === true && column.kind === 'text';
  const ref = emptyForNull ? sql`coalesce(${bare}, '')` : bare;
  const value = (): StoredValue => encodeValue(column, filter.value, name);
  const values = (): StoredValue[] =>
    (Array.isArray(filter.value) ? filter.value : [filter.value]).map((one) =>
      encodeValue(column, one, name),
    );
  const listed = (): Sql =>
    oneOf(
      lists,
      ref,
      storedKind(kind, name),
      values().filter((one) => one !== null),
    );
  /** What is looked for in a column of text. */
  const text = (): string => {
    if (column.kind !== 'text') throw new TypeError(`${kind}.${name} is no text to look into`);
    const wanted = value() ?? '';
    if (String(wanted).length > MAX_PATTERN_LENGTH) {
      throw invalid(`${name} is looked for by at most ${MAX_PATTERN_LENGTH} characters`, name);
    }
    return String(wanted);
  };
  const like = (pattern: string): Sql => sql`lower(${ref}) like ${pattern} escape '\\'`;
  switch (operator) {
    case 'contains':
      return like(`%${escapeLike(text())}%`);
    case 'starts-with':
      return like(`${escapeLike(text())}%`);
    case 'ends-with':
      return like(`%${escapeLike(text())}`);
    // LIKE ignores case in one engine and not in the other, so the exact forms do without it.
    case 'contains-exact':
      return text() === '' ? sql`${ref} is not null` : sql`replace(${ref}, ${text()}, '') <> ${ref}`;
    case 'starts-with-exact':
      return sql`substr(${ref}, 1, ${sql.lit([...text()].length)}) = ${text()}`;
    case 'ends-with-exact': {
      const length = sql.lit([...text()].length);
      // A start before the text's own would be counted from its end by one engine.
      return text() === ''
        ? sql`${ref} is not null`
        : sql`(length(${ref}) >= ${length} and substr(${ref}, length(${ref}) - ${length} + 1) = ${text()})`;
    }
    case 'matches': {
      const pattern = createPattern(text());
      return engine === 'postgres' ? sql`${ref} ~ ${pattern.postgres}` : sql`${ref} regexp ${text()}`;
    }
    case 'same-as': {
      const other = String(filter.value ?? '');
      columnOf(kind, other);
      return sql`${ref} = ${sql.ref(`${alias}.${other}`)}`;
    }
    case 'in':
      return values().includes(null) ? sql`(${listed()} or ${bare} is null)` : listed();
    case 'not-in':
      return values().includes(null) ? sql`(${bare} is not null and not ${listed()})` : sql`not ${listed()}`;
    case '=':
      return value() === null ? sql`${bare} is null` : sql`${ref} = ${value()}`;
    case '!=':
      return value() === null ? sql`${bare} is not null` : sql`${ref} <> ${value()}`;
    default:
      return sql`${ref} ${sql.raw(operator)} ${value()}`;
  }
}

export interface ConditionCompilerParts {
  readonly engine: Engine['name'];
  readonly lists: Lists;
}

export function createConditionCompiler(parts: ConditionCompilerParts): ConditionCompiler {
  let aliases = 0;

  const existsSql = <K extends EntityKind>(
    kind: K,
    alias: string,
    condition: Exists<K>,
    count: Counter,
  ): Sql => {
    aliases = (aliases + 1) % 1_000_000;
    const inner = `x${aliases}`;
    const pairs = (
      columns: Readonly<Record<string, string>> | undefined,
      compare: (innerColumn: RawBuilder<unknown>, outerColumn: RawBuilder<unknown>) => Sql,
    ): Sql[] =>
      Object.entries(columns ?? {}).map(([column, outer]) => {
        columnOf(condition.exists, column);
        columnOf(kind, outer);
        return compare(sql.ref(`${inner}.${column}`), sql.ref(`${alias}.${outer}`));
      });
    const holds = (list: RawBuilder<unknown>, text: RawBuilder<unknown>): Sql =>
      sql`replace(${list}, '"' || ${text} || '"', '') <> ${list}`;
    const belongs = [
      ...pairs(condition.on, (innerColumn, outerColumn) => sql`${innerColumn} = ${outerColumn}`),
      ...pairs(condition.listedIn, (text, list) => holds(list, text)),
      ...pairs(condition.lists, (list, text) => holds(list, text)),
    ];
    // The port made it from a condition on that very kind.
    const more =
      condition.condition === undefined
        ? []
        : [compile(condition.exists, inner, condition.condition as Condition<EntityKind>, count)];
    const org: Sql = sql`${sql.ref(`${inner}.org`)} = ${sql.ref(`${alias}.org`)}`;
    return sql`exists (select 1 from ${sql.table(condition.exists)} as ${sql.ref(inner)} where ${allOf([org, ...belongs, ...more])})`;
  };

  function compile<K extends EntityKind>(
    kind: K,
    alias: string,
    condition: Condition<K>,
    count: Counter,
  ): Sql {
    count.conditions += 1;
    if (count.conditions > MAX_CONDITIONS) {
      throw new AppError('too_large', `more than ${MAX_CONDITIONS} conditions in one question`);
    }
    const all = (many: readonly Condition<K>[]): Sql[] =>
      many.map((part) => compile(kind, alias, part, count));
    if ('allOf' in condition) return allOf(all(condition.allOf));
    if ('anyOf' in condition) return anyOf(all(condition.anyOf));
    if ('not' in condition) return sql`not (${compile(kind, alias, condition.not, count)})`;
    if ('exists' in condition) return existsSql(kind, alias, condition, count);
    return filterSql(parts, kind, alias, condition);
  }
  return {
    lists: parts.lists,
    compile: (kind, alias, condition) => compile(kind, alias, condition, { conditions: 0 }),
  };
}

interface Counter {
  conditions: number;
}
