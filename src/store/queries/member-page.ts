/** A page of members in order of their user names, narrowed by what else is known of them; and how many there are. */
import type { MemberPage, MemberPageQuery } from '../../domain/ports/queries.ts';
import type { StoredValue } from '../rows.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

/** A person's identities are those of the organization and those that are good everywhere. */
const identity = (kinds: string): string =>
  `EXISTS (SELECT 1 FROM "identity" i WHERE i."org" IN (0, m."org") AND i."account" = m."account" AND i."kind" IN (${kinds}))`;
const HAS_FACTOR = identity(`'totp'`);
const IS_FOREIGN = identity(`'oidc', 'sso'`);

const either = (value: boolean | undefined, sql: string): string[] =>
  value === undefined ? [] : [value ? sql : `NOT ${sql}`];

const ESCAPED = /[\\%_]/gu;

export function createMemberPageQuery(
  parts: QueryParts,
): (org: number, query: MemberPageQuery) => Promise<MemberPage> {
  return async (org, { suspended, secondFactor, foreign, roles, name, offset, limit }) => {
    if (roles?.length === 0) return { ids: [], total: 0 };
    const ask = (select: string, tail: (mark: (value: StoredValue) => string) => string) => {
      const { values, mark } = sqlValues(parts.placeholder);
      const conditions = [
        `m."org" = ${mark(org)}`,
        'm."joinedAt" IS NOT NULL',
        'm."approvedAt" IS NOT NULL',
        ...either(suspended, '(m."suspendedAt" IS NOT NULL)'),
        ...either(secondFactor, HAS_FACTOR),
        ...either(foreign, IS_FOREIGN),
        ...(roles === undefined ? [] : [`m."role" IN (${roles.map((role) => mark(role)).join(', ')})`]),
        ...(name === undefined
          ? []
          : [`m."usernameKey" LIKE ${mark(`%${name.replace(ESCAPED, '\\$&')}%`)} ESCAPE '\\'`]),
      ];
      const sql = `SELECT ${select} FROM "membership" m WHERE ${conditions.join(' AND ')} ${tail(mark)}`;
      return parts.run(sql, values);
    };
    const [counted] = await ask('COUNT(*) AS "total"', () => '');
    const rows = await ask(
      'm."id" AS "id"',
      (mark) => `ORDER BY m."usernameKey", m."id" LIMIT ${mark(limit)} OFFSET ${mark(offset)}`,
    );
    return { ids: rows.map(({ id }) => Number(id)), total: Number(counted?.total ?? 0) };
  };
}
