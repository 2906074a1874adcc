import type { EphemeralQuery } from '../../domain/ports/ephemeral-query.ts';
import type { Engine } from '../engine.ts';
import { withPlaceholders } from '../statements.ts';

export function createEphemeralQuery(engine: Engine): EphemeralQuery {
  const absent = withPlaceholders(
    engine.placeholder,
    `SELECT d."org", d."id" FROM "device" d
     LEFT JOIN "presence" p ON p."org" = d."org" AND p."device" = d."id"
     WHERE d."ephemeral" = 1 AND d."createdAt" < ?
       AND (p."device" IS NULL OR (p."online" = 0 AND p."lastSeen" < ?))
     ORDER BY d."org", d."id" LIMIT ?`,
  );
  return {
    absentSince: async (before, limit) => {
      const rows = await engine.run(absent, [before, before, limit]);
      return rows.map((row) => ({ org: Number(row.org), device: Number(row.id) }));
    },
  };
}
