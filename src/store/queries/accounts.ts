/** The organizations in which an account is an active member: over all of them, one indexed question each. */
import type { AccountMembership } from '../../domain/ports/queries.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

export function createAccountMembershipsQuery(
  parts: QueryParts,
): (account: number) => Promise<AccountMembership[]> {
  return async (account) => {
    const { values, mark } = sqlValues(parts.placeholder);
    const sql = `SELECT m."org" AS "org", m."id" AS "id", o."label" AS "label", o."name" AS "name"
      FROM "organization" o JOIN "membership" m ON m."org" = o."id" AND m."account" = ${mark(account)}
      WHERE o."org" = 0 AND m."joinedAt" IS NOT NULL AND m."approvedAt" IS NOT NULL AND m."suspendedAt" IS NULL
      ORDER BY o."name", o."id"`;
    const rows = await parts.run(sql, values);
    return rows.map((row) => ({
      org: Number(row.org),
      membership: Number(row.id),
      label: String(row.label),
      name: String(row.name),
    }));
  };
}
