/** Members with what their devices say of them: one query, whatever their number. */
import type { MemberListQuery, MemberRow } from '../../domain/ports/queries.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import { liveReplicas } from './live-replicas.ts';
import type { QueryParts } from './query-parts.ts';
import { sqlValues } from './sql-text.ts';

const NAMES = [
  ...['id', 'username', 'email', 'displayName', 'givenName', 'familyName', 'avatarUrl', 'role', 'createdAt'],
  ...['joinedAt', 'approvedAt', 'suspendedAt'],
];

export function createMembersQuery(
  parts: QueryParts,
): (org: number, query: MemberListQuery) => Promise<MemberRow[]> {
  return async (org, { ids, roles, now }) => {
    if (ids?.length === 0 || roles?.length === 0) return [];
    const live = [...(await liveReplicas(parts, now))];
    const { values, mark } = sqlValues(parts.placeholder);
    const list = (all: readonly StoredValue[]): string => all.map((value) => mark(value)).join(', ');
    const online =
      live.length === 0
        ? '0'
        : `MAX(CASE WHEN p."online" = 1 AND p."replica" IN (${list(live)}) THEN 1 ELSE 0 END)`;
    const sql = `SELECT ${NAMES.map((name) => `m."${name}"`).join(', ')}, s."lastSeen" AS "seen",
        o."devices" AS "devices", o."lastSeen" AS "deviceSeen", o."online" AS "online"
      FROM "membership" m
      LEFT JOIN "membershipSeen" s ON s."org" = m."org" AND s."membership" = m."id"
      LEFT JOIN (
        SELECT d."owner" AS "owner", COUNT(*) AS "devices", MAX(p."lastSeen") AS "lastSeen", ${online} AS "online"
        FROM "device" d LEFT JOIN "presence" p ON p."org" = d."org" AND p."device" = d."id"
        WHERE d."org" = ${mark(org)} AND d."ownerKind" = 'membership'
        GROUP BY d."owner"
      ) o ON o."owner" = m."id"
      WHERE m."org" = ${mark(org)} AND m."joinedAt" IS NOT NULL
        ${ids === undefined ? '' : `AND m."id" IN (${list(ids)})`}
        ${roles === undefined ? '' : `AND m."role" IN (${list(roles)})`}
      ORDER BY m."id"`;
    const rows = await parts.run(sql, values);
    return rows.map(memberOf);
  };
}

const textOrNull = (value: StoredValue | undefined): string | null =>
  typeof value === 'string' ? value : null;
const numberOrNull = (value: StoredValue | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);

const memberOf = (row: StoredRow): MemberRow => {
  const seen = Math.max(Number(row.seen ?? 0), Number(row.deviceSeen ?? 0));
  return {
    id: Number(row.id),
    username: String(row.username),
    email: textOrNull(row.email),
    displayName: textOrNull(row.displayName),
    givenName: textOrNull(row.givenName),
    familyName: textOrNull(row.familyName),
    avatarUrl: textOrNull(row.avatarUrl),
    role: row.role as MemberRow['role'],
    createdAt: Number(row.createdAt),
    joinedAt: numberOrNull(row.joinedAt),
    approvedAt: numberOrNull(row.approvedAt),
    suspendedAt: numberOrNull(row.suspendedAt),
    lastSeen: seen === 0 ? null : seen,
    devices: Number(row.devices ?? 0),
    online: Number(row.online ?? 0) === 1,
  };
};
