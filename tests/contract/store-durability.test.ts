// What a process was told is committed must be there after a SIGKILL at any moment, of the process itself (SQLite) or of
// the database (PostgreSQL with fsync). A kill leaves the system's page cache: power failures are another matter.
import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/domain/ports/store.ts';
import { verifyAuditChain } from '../../src/store/audit-verification.ts';
import type { StoreLocation } from '../../src/store/open-store.ts';
import { startPostgres } from '../support/postgres.ts';
import { isLongRun } from '../support/requirements.ts';
import { startWriting } from './processes.ts';
import { newLocation, openAt } from './stores.ts';

const ROUNDS = isLongRun() ? 20 : 3;
const ORG = 1;
const ENDLESS = 1_000_000;

/** Writes until killed; resolves with the ids that were acknowledged. */
async function writeUntilKilled(
  location: StoreLocation,
  round: number,
  kill: (process: ReturnType<typeof startWriting>) => Promise<void>,
): Promise<number[]> {
  const writing = startWriting(location, ORG, ENDLESS);
  await writing.atLeast(20 + 37 * (round % 5));
  await kill(writing);
  await writing.ended;
  expect(writing.acknowledged.length, writing.errors()).toBeGreaterThanOrEqual(20);
  return writing.acknowledged;
}

async function expectAllThere(store: Store, acknowledged: readonly number[]): Promise<void> {
  const rows = await store.find('serialNumber', ORG, {}, 1_000_000);
  const there = new Set(rows.map(({ id }) => id));
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
  const changes = await store.feed.read(ORG, 0, 1_000_000);
  expect(changes.map(({ seq }) => seq)).toEqual(rows.map((_, index) => index + 1));
  expect(new Set(changes.map(({ key }) => Number(key)))).toEqual(there);
  expect(await verifyAuditChain(store, ORG)).toMatchObject({ events: rows.length, fault: undefined });
}

describe('what was acknowledged survives', () => {
  test('a SIGKILL of the process on SQLite', { timeout: ROUNDS * 30_000 }, async () => {
    const location = await newLocation('sqlite');
    const acknowledged: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      acknowledged.push(...(await writeUntilKilled(location, round, async (writing) => writing.kill())));
      const { store, engine, close } = await openAt(location);
      expect(await engine.run('PRAGMA integrity_check', [])).toEqual([{ integrity_check: 'ok' }]);
      await expectAllThere(store, acknowledged);
      await close();
    }
    console.log(`sqlite: ${acknowledged.length} acknowledged commits in ${ROUNDS} rounds, none lost`);
    if (location.kind === 'sqlite') rmSync(location.directory, { recursive: true, force: true });
  });

  test('a SIGKILL of the process, and one of the database, on PostgreSQL', {
    timeout: ROUNDS * 60_000,
  }, async () => {
    const postgres = await startPostgres({ fsync: true });
    const location = { kind: 'postgres', url: await postgres.createDatabase() } as const;
    const acknowledged: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      acknowledged.push(...(await writeUntilKilled(location, round, async (writing) => writing.kill())));
      acknowledged.push(...(await writeUntilKilled(location, round + 1, () => postgres.kill9())));
      await postgres.restart();
      const { store, close } = await openAt(location);
      await expectAllThere(store, acknowledged);
      await close();
    }
    console.log(`postgres: ${acknowledged.length} acknowledged commits in ${ROUNDS} rounds, none lost`);
    await postgres.stop();
  });
});
