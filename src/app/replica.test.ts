import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import { until } from '../../tests/support/until.ts';
import { systemClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { migrate } from '../store/migrator.ts';
import { openEngine, type StoreLocation } from '../store/open-store.ts';
import { createReplicaLeases } from '../store/replica-leases.ts';
import { createReplica } from './replica.ts';

/** A machine that stands still for as long ends the lease of a replica that lives. */
const TTL_MS = 2_000;
const LONG_MS = 60_000;
const RENEW_MS = 100;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const locations = {
  sqlite: async (): Promise<StoreLocation> => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-replica-'));
    undo.push(() => rmSync(directory, { recursive: true }));
    return { kind: 'sqlite', directory };
  },
  postgres: async (): Promise<StoreLocation> => ({ kind: 'postgres', url: await createTestDatabase() }),
};

async function open(location: StoreLocation) {
  const engine = openEngine({ location, clock: systemClock, onError: () => undefined });
  undo.push(() => engine.close());
  await migrate(engine);
  return { engine, leases: createReplicaLeases({ engine, clock: systemClock }) };
}

describe.each(['sqlite', 'postgres'] as const)('replicas on %s', (name) => {
  const replicaOn = (leases: ReturnType<typeof createReplicaLeases>, ttlMs = TTL_MS) => {
    const errors: unknown[] = [];
    const replica = createReplica({
      leases,
      random: systemRandom,
      alone: false,
      onError: (error) => errors.push(error),
      ttlMs,
      renewMs: RENEW_MS,
    });
    const lost: string[] = [];
    replica.onLost(async (id) => {
      lost.push(id);
    });
    return { replica, lost, errors };
  };

  test('a replica that lives is never held for lost', async () => {
    const { leases } = await open(await locations[name]());
    const [one, two] = [replicaOn(leases), replicaOn(leases)];
    await one.replica.start();
    await two.replica.start();
    await delay(1.5 * TTL_MS);
    expect([one.lost, two.lost, one.errors, two.errors]).toEqual([[], [], [], []]);
    await one.replica.close();
    await two.replica.close();
  });

  test('a replica that stops renewing is given to exactly one of the others, once', async () => {
    const { leases } = await open(await locations[name]());
    await leases.renew('dead', TTL_MS);
    const others = [replicaOn(leases), replicaOn(leases), replicaOn(leases)];
    for (const { replica } of others) await replica.start();
    const all = () => others.flatMap(({ lost }) => lost);
    await until(() => all().length > 0);
    await delay(1.5 * TTL_MS);
    expect(all()).toEqual(['dead']);
    for (const { replica } of others) await replica.close();
  });

  test('a takeover that fails is tried again', async () => {
    const { leases } = await open(await locations[name]());
    await leases.renew('dead', TTL_MS);
    await leases.expire('dead');
    const { replica, lost, errors } = replicaOn(leases);
    let failures = 0;
    replica.onLost(async () => {
      failures += 1;
      if (failures === 1) throw new Error('the database went away');
    });
    await replica.start();
    await until(() => failures === 2);
    expect(lost).toEqual(['dead', 'dead']);
    expect(errors).toHaveLength(1);
    await replica.close();
  });

  test('a replica that gives up its lease is taken over at once', async () => {
    const { leases } = await open(await locations[name]());
    const [leaving, staying] = [replicaOn(leases, LONG_MS), replicaOn(leases, LONG_MS)];
    await leaving.replica.start();
    await staying.replica.start();
    await leaving.replica.close();
    // Long before its lease would have ended.
    await until(() => staying.lost.length > 0);
    expect(staying.lost).toEqual([leaving.replica.id]);
    await staying.replica.close();
  });

  test('a replica that was held for lost and lives learns of it', async () => {
    const { leases } = await open(await locations[name]());
    const { replica } = replicaOn(leases);
    let regained = 0;
    replica.onRegained(() => {
      regained += 1;
    });
    await replica.start();
    let claim: Awaited<ReturnType<typeof leases.claimLost>>[number] | undefined;
    // It may renew its lease in between.
    await until(async () => {
      await leases.expire(replica.id);
      [claim] = await leases.claimLost('another', LONG_MS, 8);
      return claim !== undefined;
    });
    expect(claim?.replica).toBe(replica.id);
    await delay(2 * RENEW_MS);
    expect(regained).toBe(0);
    await leases.settle(claim!);
    await until(() => regained === 1);
    await replica.close();
  });

  test('presence of a replica without a lease is found at the start', async () => {
    const { engine, leases } = await open(await locations[name]());
    await engine.transaction((connection) =>
      connection.run(
        `INSERT INTO "presence" ("org", "device", "replica", "online", "since", "lastSeen") VALUES (1, 2, 'gone', 1, 0, 0)`,
        [],
      ),
    );
    const { replica, lost } = replicaOn(leases);
    await replica.start();
    expect(lost).toEqual(['gone']);
    await replica.close();
  });

  test('a process that is alone holds every other lease for lost at its start', async () => {
    const { leases } = await open(await locations[name]());
    await leases.renew('before the crash', LONG_MS);
    const lost: string[] = [];
    const replica = createReplica({
      leases,
      random: systemRandom,
      alone: true,
      onError: () => undefined,
    });
    replica.onLost(async (id) => {
      lost.push(id);
    });
    await replica.start();
    expect(lost).toEqual(['before the crash']);
    await replica.close();
  });
});
