import type { ReplicaLeases } from '../domain/ports/replica-leases.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { POSTGRES_NOW } from './database-clock.ts';
import type { Engine } from './engine.ts';
import type { StoredRow, StoredValue } from './rows.ts';

const PREFIX = 'replica:';

export interface ReplicaLeasesParts {
  readonly engine: Engine;
  /** Read for SQLite, which has one process; PostgreSQL's own clock serves all that share it. */
  readonly clock: Clock;
}

export function createReplicaLeases({ engine, clock }: ReplicaLeasesParts): ReplicaLeases {
  /** A text whose `?` are parameters and `NOW` the time in milliseconds. */
  const prepared = (sql: string): string => {
    let position = 0;
    const now = engine.name === 'postgres' ? POSTGRES_NOW : String(clock.now());
    return sql.replaceAll('NOW', now).replace(/\?/gu, () => engine.placeholder(++position));
  };
  const run = (sql: string, parameters: readonly StoredValue[]): Promise<StoredRow[]> =>
    engine.transaction((connection) => connection.run(prepared(sql), parameters));
  const nameOf = (replica: string): string => `${PREFIX}${replica}`;
  const insert = (expiresAt: string): string =>
    `INSERT INTO "lease" ("org", "name", "holder", "fence", "expiresAt", "data")
     VALUES (${INSTALLATION}, ?, ?, 1, ${expiresAt}, '') ON CONFLICT DO NOTHING RETURNING "name"`;

  return {
    renew: async (replica, ttlMs) => {
      const renewed = await run(
        `UPDATE "lease" SET "expiresAt" = NOW + ${ttlMs}
         WHERE "org" = ${INSTALLATION} AND "name" = ? AND "holder" = ? RETURNING "name"`,
        [nameOf(replica), replica],
      );
      if (renewed.length > 0) return 'renewed';
      const created = await run(insert(`NOW + ${ttlMs}`), [nameOf(replica), replica]);
      return created.length > 0 ? 'created' : 'claimed';
    },

    claimLost: async (by, ttlMs, limit) => {
      const expired = await engine.run(
        prepared(
          `SELECT "name", "fence" FROM "lease" WHERE "org" = ${INSTALLATION} AND "name" LIKE '${PREFIX}%'
           AND "expiresAt" < NOW ORDER BY "expiresAt" LIMIT ${limit}`,
        ),
        [],
      );
      const claimed: { replica: string; fence: number }[] = [];
      for (const { name, fence } of expired) {
        const [won] = await run(
          `UPDATE "lease" SET "holder" = ?, "fence" = "fence" + 1, "expiresAt" = NOW + ${ttlMs}
           WHERE "org" = ${INSTALLATION} AND "name" = ? AND "fence" = ? AND "expiresAt" < NOW RETURNING "fence"`,
          [`claim:${by}`, String(name), Number(fence)],
        );
        if (won !== undefined)
          claimed.push({ replica: String(name).slice(PREFIX.length), fence: Number(won.fence) });
      }
      return claimed;
    },

    settle: async ({ replica, fence }) => {
      await run(`DELETE FROM "lease" WHERE "org" = ${INSTALLATION} AND "name" = ? AND "fence" = ?`, [
        nameOf(replica),
        fence,
      ]);
    },
    expire: async (replica) => {
      await run(
        `UPDATE "lease" SET "expiresAt" = 0 WHERE "org" = ${INSTALLATION} AND "name" = ? AND "holder" = ?`,
        [nameOf(replica), replica],
      );
    },
    expireOthers: async (replica) => {
      await run(
        `UPDATE "lease" SET "expiresAt" = 0 WHERE "org" = ${INSTALLATION} AND "name" LIKE '${PREFIX}%' AND "name" <> ?`,
        [nameOf(replica)],
      );
    },
    adoptOrphans: async () => {
      const rows = await engine.run('SELECT DISTINCT "replica" FROM "presence" WHERE "online" = 1', []);
      for (const { replica } of rows) {
        if (replica !== '' && replica !== null && replica !== undefined)
          await run(insert('0'), [nameOf(String(replica)), 'orphan']);
      }
    },
  };
}
