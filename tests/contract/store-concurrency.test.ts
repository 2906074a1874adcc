import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Row } from '../../src/domain/model/entities.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import { verifyAuditChain } from '../../src/store/audit-verification.ts';
import { createIdAllocator } from '../../src/store/id-allocator.ts';
import { startWriting } from './processes.ts';
import {
  audited,
  BY,
  ENGINES,
  insertSerial,
  newLocation,
  type OpenedStore,
  openAt,
  serial,
  tamper,
} from './stores.ts';

const CALLERS = 100;

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

async function expectGapless(store: Store, org: number, count: number): Promise<void> {
  const changes = await store.feed.read(org, 0, count + 10);
  expect(changes.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  expect((await store.feed.heads([org])).get(org)).toBe(count);
  expect(await verifyAuditChain(store, org)).toMatchObject({ fault: undefined });
}

describe.each(ENGINES)('simultaneous writers on %s', (engine) => {
  let opened: OpenedStore;
  /** Another process on the same database, as far as the database can tell. */
  let other: OpenedStore;
  let org = 500;
  beforeAll(async () => {
    opened = await openAt(await newLocation(engine));
    other = await openAt(opened.location);
  });
  afterAll(async () => {
    await other.close();
    await opened.close();
    if (opened.location.kind === 'sqlite')
      rmSync(opened.location.directory, { recursive: true, force: true });
  });
  const either = (index: number): Store => (index % 2 === 0 ? opened.store : other.store);

  test('no update of one organization is lost and no number is left out', async () => {
    org += 1;
    await audited(opened.store, [org], (tx) =>
      tx.insert('setting', { org, name: 'n', value: 0, updatedAt: 0 }),
    );
    await times(CALLERS, (index) =>
      audited(either(index), [org], async (tx) => {
        const row = await tx.get('setting', org, { name: 'n' });
        await tx.update('setting', org, { name: 'n' }, { value: Number(row?.value) + 1 });
      }),
    );
    expect((await opened.store.get('setting', org, { name: 'n' }))?.value).toBe(CALLERS);
    await expectGapless(opened.store, org, CALLERS + 1);
  });

  test('writers of many organizations neither wait for each other for good nor mix', async () => {
    const orgs = Array.from({ length: 20 }, (_, index) => 600 + index);
    await times(400, (index) => insertSerial(either(index), orgs[index % orgs.length]!, index + 1));
    for (const one of orgs) await expectGapless(opened.store, one, 20);
  });

  test('writes on two organizations in either order end, and both chains hold', async () => {
    const [one, two, three] = [701, 702, 703];
    await times(120, (index) => {
      const orgs = [
        [one, two],
        [two, one],
        [two, three],
        [three, one],
      ][index % 4]!;
      return audited(either(index), orgs, async (tx) => {
        for (const each of orgs) await tx.insert('serialNumber', serial(each, tx.newId(), `s${index}`));
      });
    });
    await expectGapless(opened.store, one, 90);
    await expectGapless(opened.store, two, 90);
    await expectGapless(opened.store, three, 60);
  });

  test('the first writes of a new organization may come at once', async () => {
    org += 1;
    await times(30, (index) => insertSerial(either(index), org, index + 1));
    await expectGapless(opened.store, org, 30);
  });

  test('of 100 simultaneous uses of a one-off credential exactly one succeeds', async () => {
    org += 1;
    await audited(opened.store, [org], (tx) => tx.insert('credential', oneOff(org)));
    const results = await Promise.allSettled(
      Array.from({ length: CALLERS }, (_, index) =>
        audited(either(index), [org], async (tx) => {
          const found = await tx.lookup('credential', 'publicId', `one-off-${org}`);
          if (found?.consumedAt !== null) throw new Error('used');
          await tx.update('credential', org, found.id, { consumedAt: tx.now });
          await tx.insert('serialNumber', serial(org, tx.newId(), `bought by ${index}`));
        }),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await opened.store.find('serialNumber', org, {})).toHaveLength(1);
    await expectGapless(opened.store, org, 3);
  });

  test('of 100 simultaneous claims of a unique name exactly one succeeds, whatever the organization', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: CALLERS }, (_, index) =>
        audited(either(index), [800 + (index % 5)], (tx) =>
          tx.insert('awsExternalId', {
            org: 800 + (index % 5),
            id: tx.newId(),
            externalId: 'same',
            reusable: false,
            createdAt: 1,
          }),
        ),
      ),
    );
    const refused = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    expect(refused).toHaveLength(CALLERS - 1);
    for (const reason of refused) expect(reason).toMatchObject({ code: 'taken', field: 'externalId' });
  });

  test('ids are unique across processes, and a burst of writes does not run out of them', async () => {
    const ids = (
      await times(60, (index) =>
        audited(either(index), [900 + (index % 6)], async (tx) =>
          Array.from({ length: 50 }, () => tx.newId()),
        ),
      )
    ).flat();
    ids.push(...(await times(50, (index) => either(index).newId())));
    expect(new Set(ids).size).toBe(60 * 50 + 50);
    for (const id of ids) expect(id).toBeGreaterThan(0);
  });

  test('ids that a write did not use are handed out again', async () => {
    const ids = createIdAllocator(opened.engine);
    const [one, two] = [await ids.lease(3), await ids.lease(2)];
    const first = one.take();
    one.release();
    const next = await ids.lease(3);
    expect([next.take(), next.take(), next.take()]).toEqual([first + 1, first + 2, first + 3]);
    expect([two.take(), two.take()]).toEqual([first + 4, first + 5]);
    expect(() => one.take()).toThrow('more ids');
    expect(() => next.take()).toThrow('more ids');
  });

  test('a reader sees nothing of a write before it is committed, and all of it after', async () => {
    org += 1;
    let seenInside: unknown;
    await audited(opened.store, [org], async (tx) => {
      await tx.insert('serialNumber', serial(org, 1, 'x'));
      seenInside = [await opened.store.count('serialNumber', org), await other.store.feed.read(org, 0, 9)];
    });
    expect(seenInside).toEqual([0, []]);
    expect(await other.store.count('serialNumber', org)).toBe(1);
  });

  test('times of an organization rise with its numbers, also for writers that waited', async () => {
    org += 1;
    await times(20, (index) =>
      audited(either(index), [org], async (tx) => {
        await sleep(1);
        await tx.insert('serialNumber', serial(org, index + 1, `${index}`));
      }),
    );
    const at = (await opened.store.feed.read(org, 0, 50)).map((change) => change.at);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });

  test('processes that open a new database at the same moment both find it ready', async () => {
    const location = await newLocation(engine);
    const processes = Array.from({ length: 4 }, (_, index) => startWriting(location, index % 2, 5));
    for (const one of processes) expect(await one.ended, one.errors()).toBe(0);
    const { store, close } = await openAt(location);
    const ids = processes.flatMap((one) => one.acknowledged);
    expect(new Set(ids).size).toBe(20);
    await expectGapless(store, 0, 10);
    await expectGapless(store, 1, 10);
    await close();
    if (location.kind === 'sqlite') rmSync(location.directory, { recursive: true, force: true });
  });

  test('a database that is newer than the program is refused, and left alone', async () => {
    const location = await newLocation(engine);
    const { engine: raw, close } = await openAt(location);
    await tamper(raw, 'UPDATE "schemaVersion" SET "version" = 99');
    await expect(openAt(location)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('version 99'),
    });
    expect(await raw.run('SELECT "version" FROM "schemaVersion"', [])).toEqual([{ version: 99 }]);
    await close();
    if (location.kind === 'sqlite') rmSync(location.directory, { recursive: true, force: true });
  });
});

describe('writers on PostgreSQL that collide', () => {
  let opened: OpenedStore;
  beforeAll(async () => {
    opened = await openAt(await newLocation('postgres'));
  });
  afterAll(() => opened.close());

  test('a deadlock over names of the whole installation is resolved by running one write again', async () => {
    const { store } = opened;
    const runs: number[] = [];
    const both = Promise.withResolvers<void>();
    const row = (org: number, id: number, externalId: string): Row<'awsExternalId'> => ({
      org,
      id,
      externalId,
      reusable: false,
      createdAt: 1,
    });
    const results = await Promise.allSettled(
      [1, 2].map((org) =>
        audited(store, [org], async (tx) => {
          runs.push(org);
          const names = org === 1 ? ['x', 'y'] : ['y', 'x'];
          await tx.insert('awsExternalId', row(org, tx.newId(), names[0]!));
          // Each holds its first name before either asks for the other's.
          if (runs.length === 2) both.resolve();
          await both.promise;
          await tx.insert('awsExternalId', row(org, tx.newId(), names[1]!));
        }),
      ),
    );
    // The victim ran again and then met the other's names.
    expect(runs).toHaveLength(3);
    const reasons = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    expect(reasons).toMatchObject([{ code: 'taken', field: 'externalId' }]);
  });

  test('a serialization failure runs the write again from the start', async () => {
    const { store, engine } = opened;
    let runs = 0;
    await audited(store, [11], async (tx) => {
      runs += 1;
      await tx.insert('serialNumber', serial(11, runs, `run ${runs}`));
      if (runs < 3) {
        // As a serializable engine answers a statement.
        const raised = engine.transaction((connection) =>
          connection.run(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`, []),
        );
        await raised;
      }
    });
    expect(runs).toBe(3);
    expect(await store.find('serialNumber', 11, {})).toMatchObject([{ id: 3, serial: 'run 3' }]);
    expect(await store.feed.read(11, 0, 9)).toHaveLength(1);
  });

  test('a hot organization does not keep others from being read and written', async () => {
    const { store } = opened;
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hot = times(100, (index) =>
      audited(store, [21], async (tx) => {
        await held;
        await tx.insert('serialNumber', serial(21, index + 1, `${index}`));
      }),
    );
    await sleep(50);
    await insertSerial(store, 22, 1);
    expect(await store.count('serialNumber', 22)).toBe(1);
    release();
    await hot;
    await expectGapless(store, 21, 100);
  });

  test('an unreachable database is "unavailable", and the next write after its return succeeds', async () => {
    const { store, engine } = opened;
    const which = 'FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
    const kill = `SELECT pg_terminate_backend(pid) ${which}`;
    const others = `SELECT count(*) AS "count" ${which}`;
    const cut = audited(store, [31], async (tx) => {
      await tx.insert('serialNumber', serial(31, 1, 'lost'));
      // Each ends when it looks at the signal.
      while (Number((await engine.run(others, []))[0]?.count) > 0) {
        await engine.run(kill, []);
        await sleep(10);
      }
      await tx.insert('serialNumber', serial(31, 2, 'lost'));
    });
    await expect(cut).rejects.toMatchObject({ code: 'unavailable' });
    await insertSerial(store, 31, 3);
    expect(await store.find('serialNumber', 31, {})).toMatchObject([{ id: 3 }]);
    await expectGapless(store, 31, 1);
  });
});

const oneOff = (org: number): Row<'credential'> => ({
  org,
  id: 1,
  nano: null,
  kind: 'auth-key',
  ownerKind: 'membership',
  owner: 1,
  name: '',
  description: '',
  publicId: `one-off-${org}`,
  secretHash: '',
  publicKey: null,
  scopes: [],
  tags: [],
  reusable: false,
  ephemeral: false,
  preauthorized: true,
  expirySeconds: null,
  createdAt: 0,
  updatedAt: null,
  expiresAt: null,
  consumedAt: null,
  revokedAt: null,
  generation: 0,
  parent: 0,
  federation: null,
  byKind: BY.kind,
  byId: BY.id,
  byName: BY.name,
});
