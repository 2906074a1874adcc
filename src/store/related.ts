/** Pages for many parents at once, so that a list of lists is two questions and not one for each row. */
import { type RawBuilder, sql } from 'kysely';
import type { EntityKind, IdentifiedKind, Row } from '../domain/model/entities.ts';
import type { Condition, Reader, RelatedOptions } from '../domain/ports/store.ts';
import { allOf, type ConditionCompiler, oneOf, type Sql } from './conditions.ts';
import type { Connection } from './engine.ts';
import type { Builder } from './query-builder.ts';
import { columnOf, columnsOf, decodeRow, type StoredRow, type StoredValue } from './rows.ts';

interface Source {
  readonly from: RawBuilder<unknown>;
  readonly parent: RawBuilder<unknown>;
  readonly condition: Sql;
}

export function createRelatedReads(
  connection: Connection,
  builder: Builder,
  conditions: ConditionCompiler,
): Pick<Reader, 'listRelated' | 'countRelated'> {
  const run = async (query: RawBuilder<unknown>): Promise<StoredRow[]> => {
    const compiled = query.compile(builder);
    return connection.run(compiled.sql, compiled.parameters as readonly StoredValue[]);
  };

  const sourceOf = <K extends IdentifiedKind>(
    kind: K,
    org: number,
    options: Pick<RelatedOptions<K>, 'relation' | 'parents' | 'condition'>,
  ): Source => {
    const { relation } = options;
    const table = sql.table(kind);
    const parts: Sql[] = [sql`t.org = ${org}`];
    let from = sql`${table} as t`;
    let parent: RawBuilder<unknown>;
    if ('link' in relation) {
      const { link } = relation;
      columnOf(link, relation.parent);
      columnOf(link, relation.child);
      parent = sql.ref(`l.${relation.parent}`);
      from = sql`${sql.table(link)} as l join ${table} as t on t.org = l.org and t.id = ${sql.ref(`l.${relation.child}`)}`;
      parts.push(sql`l.org = ${org}`);
      if (relation.condition !== undefined) {
        // The port made it from a condition on that very kind.
        parts.push(conditions.compile(link, 'l', relation.condition as Condition<EntityKind>));
      }
    } else {
      columnOf(kind, relation.parent);
      parent = sql.ref(`t.${relation.parent}`);
    }
    parts.push(oneOf(conditions.lists, parent, 'integer', options.parents));
    if (options.condition !== undefined) parts.push(conditions.compile(kind, 't', options.condition));
    return { from, parent, condition: allOf(parts) };
  };

  return {
    listRelated: async (kind, org, options) => {
      if (options.parents.length === 0) return [];
      const { from, parent, condition } = sourceOf(kind, org, options);
      const parts = [condition];
      if (options.afterId !== undefined) parts.push(sql`t.id > ${options.afterId}`);
      if (options.beforeId !== undefined) parts.push(sql`t.id < ${options.beforeId}`);
      const order = options.descending === true ? sql`desc` : sql`asc`;
      const columns = sql.join(columnsOf(kind).map((name) => sql.ref(`t.${name}`)));
      const rows = await run(
        sql`select * from (select ${columns}, ${parent} as "_parent", row_number() over (partition by ${parent} order by t.id ${order}) as "_rank" from ${from} where ${allOf(parts)}) as ranked where "_rank" <= ${options.limit} order by "_parent", "_rank"`,
      );
      return rows.map((row) => ({
        parent: Number(row._parent),
        row: decodeRow(kind, row) as Row<typeof kind>,
      }));
    },
    countRelated: async (kind, org, options) => {
      if (options.parents.length === 0) return new Map();
      const { from, parent, condition } = sourceOf(kind, org, options);
      const rows = await run(
        sql`select ${parent} as "_parent", count(*) as "count" from ${from} where ${condition} group by ${parent}`,
      );
      return new Map(rows.map((row) => [Number(row._parent), Number(row.count)]));
    },
  };
}
