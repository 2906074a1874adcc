import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Follower } from '../../src/domain/ports/follower.ts';
import type { Change } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { createFollower } from '../../src/store/follower.ts';
import { openEngine } from '../../src/store/open-store.ts';
import { createStore } from '../../src/store/store.ts';
import { startPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import {
  audited,
  ENGINES,
  insertSerial,
  newLocation,
  type OpenedStore,
  openAt,
  serial,
  tamper,
} from './stores.ts';

/** What design promises for changes of other processes. */
const POLLED_WITHIN_MS = 1_000;
/** Of what is promised, tests allow five times as much: machines are shared. */
const PATIENCE = 5;
const LONG_MS = 60_000;

const polled = (holds: () => boolean): Promise<number> =>
  until(holds, 'what another process wrote', POLLED_WITHIN_MS * PATIENCE);

interface Seen {
  readonly changes: Change[];
  readonly seqs: () => number[];
  readonly listener: (changes: readonly Change[]) => void;
}

function createSeen(): Seen {
  const changes: Change[] = [];
  return { changes, seqs: () => changes.map(({ seq }) => seq), listener: (more) => changes.push(...more) };
}

const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

describe.each(ENGINES)('the follower on %s', (engine) => {
  let opened: OpenedStore;
  /** Another process, whose commits this one learns of from the database alone. */
  let other: OpenedStore;
  let org = 0;
  const followers: Follower[] = [];
  const errors: unknown[] = [];
  const following = (pollMs?: number, of: OpenedStore = opened): Follower => {
    const follower = createFollower({
      feed: of.store.feed,
      onError: (error) => errors.push(error),
      ...(pollMs === undefined ? {} : { pollMs }),
    });
    followers.push(follower);
    return follower;
  };
  beforeAll(async () => {
    const location = await newLocation(engine);
    const silent = location.kind === 'postgres' ? { ...location, notify: false } : location;
    opened = await openAt(silent);
    other = await openAt(silent);
  });
  afterEach(() => {
    for (const follower of followers.splice(0)) follower.close();
    expect(errors.splice(0)).toEqual([]);
    org += 1;
  });
  afterAll(async () => {
    await other.close();
    await opened.close();
    if (opened.location.kind === 'sqlite')
      rmSync(opened.location.directory, { recursive: true, force: true });
  });

  test('a listener gets every change after its start, in order and once', async () => {
    for (let id = 1; id <= 3; id += 1) await insertSerial(opened.store, org, id);
    const seen = createSeen();
    const follower = following();
    follower.follow(org, 1, seen.listener);
    await Promise.all(
      upTo(20, 4).map((id) => insertSerial(id % 2 === 0 ? opened.store : other.store, org, id)),
    );
    await follower.settled(org);
    expect(seen.seqs()).toEqual(upTo(20, 2));
    expect(seen.changes).toEqual(await opened.store.feed.read(org, 1, 100));
  });

  test('a commit of this process is delivered by the time its write resolves', async () => {
    const seen = createSeen();
    const follower = following(LONG_MS);
    follower.follow(org, 0, seen.listener);
    await follower.settled(org);
    await audited(opened.store, [org], (tx) =>
      tx.put('setting', { org, name: 'x', value: { a: [null, -0] }, updatedAt: 1 }),
    );
    expect(seen.changes).toEqual(await opened.store.feed.read(org, 0, 9));
  });

  test('changes of another process arrive by polling alone within a second', async () => {
    const seen = createSeen();
    following().follow(org, 0, seen.listener);
    await insertSerial(other.store, org, 1);
    const committed = performance.now();
    await polled(() => seen.changes.length === 1);
    console.log(`${engine}: polled after ${Math.round(performance.now() - committed)} ms`);
    await insertSerial(other.store, org, 2);
    await polled(() => seen.changes.length === 2);
    expect(seen.seqs()).toEqual([1, 2]);
  });

  test('a gap that another process left is filled before the commit that showed it', async () => {
    const seen = createSeen();
    const follower = following(LONG_MS);
    follower.follow(org, 0, seen.listener);
    await follower.settled(org);
    await insertSerial(other.store, org, 1);
    await insertSerial(other.store, org, 2);
    await insertSerial(opened.store, org, 3);
    await polled(() => seen.changes.length === 3);
    expect(seen.seqs()).toEqual([1, 2, 3]);
  });

  test('a listener that throws is told of, keeps its place, and harms no other', async () => {
    const seen = createSeen();
    const follower = following();
    let calls = 0;
    follower.follow(org, 0, () => {
      calls += 1;
      throw new Error('listener broke');
    });
    follower.follow(org, 0, seen.listener);
    await follower.settled(org);
    await insertSerial(opened.store, org, 1);
    await insertSerial(opened.store, org, 2);
    expect(seen.seqs()).toEqual([1, 2]);
    expect(calls).toBe(2);
    expect(errors.splice(0)).toMatchObject([{ message: 'listener broke' }, { message: 'listener broke' }]);
  });

  test('after unfollowing nothing more comes, also from inside the listener', async () => {
    const follower = following();
    const [first, second] = [createSeen(), createSeen()];
    let stopSecond = (): void => undefined;
    const stopFirst = follower.follow(org, 0, (changes) => {
      first.listener(changes);
      stopSecond();
    });
    stopSecond = follower.follow(org, 0, second.listener);
    await follower.settled(org);
    await insertSerial(opened.store, org, 1);
    stopFirst();
    await insertSerial(opened.store, org, 2);
    await insertSerial(other.store, org, 3);
    await sleep(600);
    expect(first.seqs()).toEqual([1]);
    expect(second.seqs()).toEqual([]);
    await follower.settled(org);
  });

  test('one that joins further back misses nothing, whenever it joins', async () => {
    for (let id = 1; id <= 5; id += 1) await insertSerial(opened.store, org, id);
    const follower = following();
    const [late, inner] = [createSeen(), createSeen()];
    let joined = false;
    follower.follow(org, 4, () => {
      if (joined) return;
      joined = true;
      follower.follow(org, 1, inner.listener);
    });
    // The first reading has been asked for and not yet answered.
    follower.follow(org, 0, late.listener);
    await follower.settled(org);
    await insertSerial(opened.store, org, 6);
    await follower.settled(org);
    expect(late.seqs()).toEqual(upTo(6));
    expect(inner.seqs()).toEqual(upTo(6, 2));
  });

  test('a process that comes back goes on from the sequence it had', async () => {
    const [before, after] = [createSeen(), createSeen()];
    const first = following();
    first.follow(org, 0, before.listener);
    await first.settled(org);
    await insertSerial(opened.store, org, 1);
    first.close();
    await insertSerial(opened.store, org, 2);
    await insertSerial(other.store, org, 3);
    const again = following();
    again.follow(org, before.changes.at(-1)?.seq ?? 0, after.listener);
    await again.settled(org);
    expect([before.seqs(), after.seqs()]).toEqual([[1], [2, 3]]);
  });

  test('a feed longer than one reading is followed to its end', async () => {
    const rows = upTo(2_345).map((id) => serial(org, id, `${id}`));
    await audited(opened.store, [org], (tx) => tx.insertAll('serialNumber', rows));
    const seen = createSeen();
    const follower = following(LONG_MS);
    follower.follow(org, 0, seen.listener);
    await follower.settled(org);
    expect(seen.seqs()).toEqual(upTo(2_345));
  });

  test('changes of kinds that this program does not know are passed over', async () => {
    await audited(opened.store, [org], (tx) =>
      tx.insertAll(
        'serialNumber',
        upTo(2_500).map((id) => serial(org, id, `${id}`)),
      ),
    );
    await tamper(
      opened.engine,
      `UPDATE "change" SET "kind" = 'fromTheFuture' WHERE "org" = ${org} AND "seq" > 1 AND "seq" <= 2200`,
    );
    await tamper(
      opened.engine,
      `UPDATE "change" SET "kind" = 'fromTheFuture' WHERE "org" = ${org} AND "seq" > 2300`,
    );
    const seen = createSeen();
    const follower = following(LONG_MS);
    follower.follow(org, 0, seen.listener);
    await follower.settled(org);
    expect(seen.seqs()).toEqual([1, ...upTo(2_300, 2_201)]);
    expect((await opened.store.feed.read(org, 0, 50)).map(({ seq }) => seq)).toEqual([
      1,
      ...upTo(2_249, 2_201),
    ]);
    await insertSerial(opened.store, org, 9_999);
    expect(seen.seqs().at(-1)).toBe(2_501);
  });

  test('one whose changes were pruned before it read them is told to start anew', async () => {
    for (let id = 1; id <= 4; id += 1) await insertSerial(opened.store, org, id);
    await tamper(opened.engine, `DELETE FROM "change" WHERE "org" = ${org} AND "seq" = 2`);
    const follower = following(LONG_MS);
    const [behind, past] = [createSeen(), createSeen()];
    let lost = 0;
    follower.follow(org, 1, behind.listener, () => {
      lost += 1;
    });
    follower.follow(org, 2, past.listener);
    await follower.settled(org);
    expect(lost).toBe(1);
    expect([behind.seqs(), past.seqs()]).toEqual([
      [3, 4],
      [3, 4],
    ]);
  });

  test('many organizations are followed at once', async () => {
    const orgs = upTo(1_500).map((index) => 10_000 + index);
    const seen = createSeen();
    const follower = following();
    for (const one of orgs) follower.follow(one, 0, seen.listener);
    await insertSerial(other.store, orgs[0]!, 1);
    await insertSerial(other.store, orgs[1_499]!, 1);
    await polled(() => seen.changes.length === 2);
    expect(seen.changes.map((change) => change.org).sort()).toEqual([orgs[0], orgs[1_499]]);
  });
});

describe('hints between processes on PostgreSQL', () => {
  test('come long before the next poll, not to the process that wrote, and again after the database was away', async () => {
    const postgres = await startPostgres({ fsync: true });
    const location = { kind: 'postgres', url: await postgres.createDatabase() } as const;
    const [reader, writer] = [await openAt(location), await openAt(location)];
    const errors: unknown[] = [];
    const onError = (error: unknown): void => {
      errors.push(error);
    };
    const follower = createFollower({ feed: reader.store.feed, onError, pollMs: LONG_MS });
    const seen = createSeen();
    follower.follow(1, 0, seen.listener);
    const own: unknown[] = [];
    writer.store.feed.onCommit((_org, changes) => own.push(changes));
    // LISTEN takes a moment to stand; a hint before that is lost, as it may be.
    let id = 0;
    const untilHinted = async (): Promise<void> => {
      const before = seen.changes.length;
      for (let tries = 0; tries < 100 && seen.changes.length === before; tries += 1) {
        await insertSerial(writer.store, 1, ++id);
        await sleep(100);
      }
      expect(seen.changes.length).toBeGreaterThan(before);
    };
    await untilHinted();
    const written = performance.now();
    await insertSerial(writer.store, 1, ++id);
    await polled(() => seen.seqs().at(-1) === id);
    console.log(`postgres: hinted after ${Math.round(performance.now() - written)} ms`);
    expect(own).not.toContain(undefined);

    await postgres.kill9();
    await expect(insertSerial(writer.store, 1, 1_000)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(writer.store.count('serialNumber', 1)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(follower.settled(1)).rejects.toMatchObject({ code: 'unavailable' });
    await postgres.restart();
    await untilHinted();
    expect(seen.seqs()).toEqual(upTo(id));
    follower.close();
    await reader.close();
    await writer.close();
    await postgres.stop();
  });

  test('are not needed to open a store, nor for it to close while the database is away', async () => {
    const postgres = await startPostgres({ fsync: false });
    const location = { kind: 'postgres', url: await postgres.createDatabase() } as const;
    const opened = await openAt(location);
    await postgres.kill9();
    await sleep(1_500);
    await opened.close();
    const engine = openEngine({ location, clock: systemClock, onError: () => undefined });
    const store = createStore({ engine, clock: systemClock });
    await expect(store.newId()).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
    await postgres.stop();
  });
});
