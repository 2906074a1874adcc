/** A credential with what it rests on: one statement, every table by its key. Asked for each token that is not known yet. */
import type { CredentialStanding } from '../../domain/ports/queries.ts';
import type { StoredRow, StoredValue } from '../rows.ts';
import type { QueryParts } from './query-parts.ts';

const COLUMNS = {
  c: [
    ...['org', 'id', 'kind', 'ownerKind', 'owner', 'name', 'description', 'publicId', 'secretHash', 'scopes'],
    ...['tags', 'expiresAt', 'revokedAt', 'parent'],
  ],
  o: ['nano'],
  p: ['id', 'publicId', 'scopes', 'expiresAt', 'revokedAt'],
  m: ['id', 'nano', 'email', 'username', 'role', 'joinedAt', 'approvedAt', 'suspendedAt'],
  s: ['id', 'nano', 'name', 'role'],
} as const;

const SELECTED = Object.entries(COLUMNS)
  .flatMap(([table, names]) => names.map((name) => `${table}."${name}" AS "${table}_${name}"`))
  .join(', ');

const numberOrNull = (value: StoredValue | undefined): number | null =>
  value === null || value === undefined ? null : Number(value);
const textOrNull = (value: StoredValue | undefined): string | null =>
  typeof value === 'string' ? value : null;
const texts = (value: StoredValue | undefined): readonly string[] => JSON.parse(String(value));

export function createCredentialStandingQuery(
  parts: QueryParts,
): (publicId: string) => Promise<CredentialStanding | undefined> {
  const sql = `SELECT ${SELECTED}
    FROM "credential" c
    JOIN "organization" o ON o."org" = 0 AND o."id" = c."org"
    LEFT JOIN "credential" p ON p."org" = c."org" AND p."id" = c."parent"
    LEFT JOIN "membership" m ON c."ownerKind" = 'membership' AND m."org" = c."org" AND m."id" = c."owner"
    LEFT JOIN "serviceAccount" s ON c."ownerKind" = 'service_account' AND s."org" = c."org" AND s."id" = c."owner"
    WHERE c."publicId" = ${parts.placeholder(1)}`;
  return async (publicId) => {
    const [row] = await parts.run(sql, [publicId]);
    return row === undefined ? undefined : standingOf(row);
  };
}

const standingOf = (row: StoredRow): CredentialStanding => ({
  credential: {
    org: Number(row.c_org),
    id: Number(row.c_id),
    // Written by this program alone, from the declared values.
    kind: row.c_kind as CredentialStanding['credential']['kind'],
    ownerKind: row.c_ownerKind as CredentialStanding['credential']['ownerKind'],
    owner: Number(row.c_owner),
    name: String(row.c_name),
    description: String(row.c_description),
    publicId: String(row.c_publicId),
    secretHash: textOrNull(row.c_secretHash),
    scopes: texts(row.c_scopes),
    tags: texts(row.c_tags),
    expiresAt: numberOrNull(row.c_expiresAt),
    revokedAt: numberOrNull(row.c_revokedAt),
    parent: Number(row.c_parent),
  },
  organizationNano: String(row.o_nano),
  parent:
    row.p_id === null
      ? undefined
      : {
          id: Number(row.p_id),
          publicId: String(row.p_publicId),
          scopes: texts(row.p_scopes),
          expiresAt: numberOrNull(row.p_expiresAt),
          revokedAt: numberOrNull(row.p_revokedAt),
        },
  member:
    row.m_id === null
      ? undefined
      : {
          id: Number(row.m_id),
          nano: String(row.m_nano),
          email: textOrNull(row.m_email),
          username: String(row.m_username),
          role: row.m_role as NonNullable<CredentialStanding['member']>['role'],
          joinedAt: numberOrNull(row.m_joinedAt),
          approvedAt: numberOrNull(row.m_approvedAt),
          suspendedAt: numberOrNull(row.m_suspendedAt),
        },
  serviceAccount:
    row.s_id === null
      ? undefined
      : {
          id: Number(row.s_id),
          nano: String(row.s_nano),
          name: String(row.s_name),
          role: row.s_role as NonNullable<CredentialStanding['serviceAccount']>['role'],
        },
});
