import type { PolicyVersion } from '../../domain/model/configuration.ts';
import { columnsOf, decodeRow } from '../rows.ts';
import type { QueryParts } from './query-parts.ts';

export function createCurrentPolicyQuery(
  engine: QueryParts,
): (org: number) => Promise<PolicyVersion | undefined> {
  const columns = columnsOf('policyVersion')
    .map((name) => `"${name}"`)
    .join(', ');
  const sql = `SELECT ${columns} FROM "policyVersion" WHERE "org" = ${engine.placeholder(1)} ORDER BY "version" DESC LIMIT 1`;
  return async (org) => {
    const rows = await engine.run(sql, [org]);
    return rows[0] === undefined ? undefined : decodeRow('policyVersion', rows[0]);
  };
}
