import type { PresenceQuery } from '../../domain/ports/presence-query.ts';
import type { Engine } from '../engine.ts';

export const createPresenceQuery = (engine: Engine): PresenceQuery => ({
  organizationsOf: async (replica) => {
    const rows = await engine.run(
      `SELECT DISTINCT "org" FROM "presence" WHERE "replica" = ${engine.placeholder(1)} AND "online" = 1`,
      [replica],
    );
    return rows.map((row) => Number(row.org));
  },
});
