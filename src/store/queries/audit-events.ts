import { type AuditEvent, auditEvent } from '../../domain/model/operations.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

export interface AuditRange {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

export function createAuditEventsQuery(
  parts: QueryParts,
): (org: number, range: AuditRange) => Promise<AuditEvent[]> {
  const columns = ['org', ...Object.keys(auditEvent.columns)].map((name) => `"${name}"`).join(', ');
  return async (org, { from, to, limit }) => {
    const { values, mark } = sqlValues(parts.placeholder);
    const sql = `SELECT ${columns} FROM "auditEvent" WHERE "org" = ${mark(org)} AND "at" >= ${mark(from)} AND "at" < ${mark(to)} ORDER BY "at", "seq" LIMIT ${mark(limit)}`;
    // The columns are those of the entity, none of which is coded.
    return (await parts.run(sql, values)) as unknown as AuditEvent[];
  };
}
