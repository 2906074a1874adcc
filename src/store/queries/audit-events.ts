import { type AuditEvent, auditEvent } from '../../domain/model/operations.ts';
import type { AuditPageQuery } from '../../domain/ports/queries.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

export interface AuditRange {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

const COLUMNS = ['org', ...Object.keys(auditEvent.columns)].map((name) => `"${name}"`).join(', ');

export function createAuditEventsQuery(
  parts: QueryParts,
): (org: number, range: AuditRange) => Promise<AuditEvent[]> {
  return async (org, { from, to, limit }) => {
    const { values, mark } = sqlValues(parts.placeholder);
    const sql = `SELECT ${COLUMNS} FROM "auditEvent" WHERE "org" = ${mark(org)} AND "at" >= ${mark(from)} AND "at" < ${mark(to)} ORDER BY "at", "seq" LIMIT ${mark(limit)}`;
    // The columns are those of the entity, none of which is coded.
    return (await parts.run(sql, values)) as unknown as AuditEvent[];
  };
}

export function createExpiredAccessQuery(
  parts: QueryParts,
): (org: number, range: Omit<AuditRange, 'to'>) => Promise<AuditEvent[]> {
  return async (org, { from, limit }) => {
    const { values, mark } = sqlValues(parts.placeholder);
    const sql = `SELECT ${COLUMNS} FROM "auditEvent" WHERE "org" = ${mark(org)} AND "at" >= ${mark(from)} AND "verb" = 'expire' AND "objectKind" = 'accessEdge' AND "field" IS NULL ORDER BY "at" DESC, "seq" DESC LIMIT ${mark(limit)}`;
    return (await parts.run(sql, values)) as unknown as AuditEvent[];
  };
}

export function createAuditPageQuery(
  parts: QueryParts,
): (org: number, query: AuditPageQuery) => Promise<AuditEvent[]> {
  return async (org, { from, to, membership, network, offset, limit }) => {
    const { values, mark } = sqlValues(parts.placeholder);
    const conditions = [
      `"org" = ${mark(org)}`,
      ...(from === undefined ? [] : [`"at" >= ${mark(from)}`]),
      ...(to === undefined ? [] : [`"at" < ${mark(to)}`]),
      ...(membership === undefined
        ? []
        : [`"byKind" = 'membership' AND "byId" = ${mark(String(membership))}`]),
      ...(network === undefined ? [] : [`"network" = ${mark(network)}`]),
    ];
    const sql = `SELECT ${COLUMNS} FROM "auditEvent" WHERE ${conditions.join(' AND ')} ORDER BY "seq" DESC LIMIT ${mark(limit)} OFFSET ${mark(offset)}`;
    return (await parts.run(sql, values)) as unknown as AuditEvent[];
  };
}
