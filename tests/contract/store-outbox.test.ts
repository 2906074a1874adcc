import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HOUR, MINUTE } from '../../src/kernel/clock.ts';
import { createOutbox } from '../../src/store/outbox.ts';
import { createRetention } from '../../src/store/retention.ts';
import { unless } from '../support/requirements.ts';
import { audited, ENGINES, insertSerial, type OpenedStore, openNew, serial, tamper } from './stores.ts';

/** On PostgreSQL that time passes by the database's clock: longer than any test here may take. */
const LOCK = { limit: 10, lockMs: HOUR };

describe.each(ENGINES)('outbox and retention on %s', (engine) => {
  let opened: OpenedStore;
  let now = 1_000_000_000;
  const clock = { now: () => now };
  beforeAll(async () => {
    opened = await openNew(engine, clock);
  });
  beforeEach(async () => {
    for (const table of ['outbox', 'change', 'serialNumber', 'presence', 'organizationHead', 'auditEvent'])
      await tamper(opened.engine, `DELETE FROM "${table}"`);
  });
  afterAll(() => opened.close());
  const outbox = () => createOutbox({ engine: opened.engine, clock });
  /** Lets time pass for locks: on PostgreSQL they end by its own clock, so theirs is moved. */
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    if (engine === 'postgres')
      await tamper(opened.engine, `UPDATE "outbox" SET "lockedUntil" = "lockedUntil" - ${ms}`);
  };
  const enqueue = (org: number, target: string): Promise<void> =>
    audited(opened.store, [org], async (tx) =>
      tx.enqueue(org, { kind: 'webhook', target, payload: { target } }),
    );

  test('an item is claimed once, in the order of time, with what its write gave it', async () => {
    for (const target of ['a', 'b', 'c']) {
      await enqueue(1, target);
      now += 1;
    }
    const first = await outbox().claim('webhook', { ...LOCK, holder: 'p', limit: 2 });
    expect(first).toMatchObject([
      {
        org: 1,
        target: 'a',
        kind: 'webhook',
        payload: { target: 'a' },
        attempt: 1,
        lockedBy: 'p',
        createdAt: now - 3,
      },
      { target: 'b' },
    ]);
    expect(await outbox().claim('mail', { ...LOCK, holder: 'q' })).toEqual([]);
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'q' })).toMatchObject([
      { target: 'c', lockedBy: 'q' },
    ]);
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'r' })).toEqual([]);
  });

  test('simultaneous claims share the items and none gets one twice', async () => {
    await audited(
      opened.store,
      [1],
      async (tx) => {
        for (let index = 0; index < 100; index += 1)
          tx.enqueue(1, { kind: 'mail', target: `${index}`, payload: null });
      },
      100,
    );
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        outbox().claim('mail', { holder: `p${index}`, limit: 10, lockMs: HOUR }),
      ),
    );
    // One that came while others held the oldest may have got fewer: the rest is there for the next.
    const rest = await outbox().claim('mail', { holder: 'last', limit: 1_000, lockMs: HOUR });
    const targets = [...claims.flat(), ...rest].map(({ target }) => target);
    expect(new Set(targets).size).toBe(100);
    expect(targets).toHaveLength(100);
  });

  test('a lock that ran out passes to another, and the first can no longer give the item back', async () => {
    await enqueue(1, 'a');
    const [mine] = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
    await pass(HOUR - 1_000);
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'q' })).toEqual([]);
    expect(await outbox().extend(mine!, HOUR)).toBe(true);
    await pass(HOUR - 1_000);
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'q' })).toEqual([]);
    await pass(1_000);
    const [theirs] = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
    expect(theirs).toMatchObject({ attempt: 2 });
    expect(await outbox().complete(mine!)).toBe(false);
    expect(await outbox().fail(mine!, { error: 'late', dead: true })).toBe(false);
    expect(await outbox().extend(mine!, HOUR)).toBe(false);
    expect(await outbox().complete(theirs!)).toBe(true);
    expect(await opened.engine.run('SELECT * FROM "outbox"', [])).toEqual([]);
  });

  test(
    'a process whose clock is ahead does not take what another holds',
    unless(engine === 'postgres' ? undefined : 'SQLite has one process', { optional: true }),
    async () => {
      await enqueue(1, 'a');
      const [mine] = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
      const ahead = createOutbox({ engine: opened.engine, clock: { now: () => now + 2 * HOUR } });
      expect(await ahead.claim('webhook', { ...LOCK, holder: 'q' })).toEqual([]);
      // And one that is behind holds what it takes.
      await outbox().fail(mine!, { error: 'later', retryAt: now });
      const behind = createOutbox({ engine: opened.engine, clock: { now: () => now } });
      expect(await behind.claim('webhook', { ...LOCK, holder: 'q' })).toHaveLength(1);
      expect(await ahead.claim('webhook', { ...LOCK, holder: 'r' })).toEqual([]);
    },
  );

  test('a failed item comes back at its time, one given up never', async () => {
    await enqueue(1, 'a');
    const [item] = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
    expect(await outbox().fail(item!, { error: 'no\0 answer', retryAt: now + 5_000 })).toBe(true);
    now += 4_999;
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'p' })).toEqual([]);
    now += 1;
    const [again] = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
    expect(again).toMatchObject({ attempt: 2 });
    await outbox().fail(again!, { error: 'x'.repeat(5_000), dead: true });
    now += HOUR;
    expect(await outbox().claim('webhook', { ...LOCK, holder: 'p' })).toEqual([]);
    const [row] = await opened.engine.run('SELECT "lastError", "lockedBy" FROM "outbox"', []);
    expect(row).toEqual({ lastError: 'x'.repeat(1_000), lockedBy: null });
  });

  describe('retention', () => {
    const windows = { volatileMs: 10 * MINUTE, historyMs: HOUR, deadMs: HOUR, flowLogMs: HOUR };
    const prune = (chunk: number) => createRetention({ engine: opened.engine, clock, chunk }).prune(windows);
    const see = (device: number): Promise<void> =>
      opened.store.write({ orgs: [2], by: { kind: 'system', id: '', name: '' }, origin: 'system' }, (tx) =>
        tx.put('presence', { org: 2, device, replica: 'r', online: true, since: now, lastSeen: now }),
      );
    const seqs = async (org: number): Promise<number[]> =>
      (await opened.store.feed.read(org, 0, 1_000)).map(({ seq }) => seq);

    test.each([1, 3, 500])('keeps what is within its windows, %i rows at a time', async (chunk) => {
      await insertSerial(opened.store, 2, 1); // seq 1, beyond all windows
      await see(1); // 2
      now += HOUR;
      await insertSerial(opened.store, 2, 2); // 3, history
      for (let device = 1; device <= 7; device += 1) await see(device); // 4 to 10, old
      now += 10 * MINUTE;
      await see(2); // 11, at the edge of the window
      await insertSerial(opened.store, 2, 3); // 12
      now += 1;
      expect(await prune(chunk)).toEqual({ changes: 9, outbox: 0, flowLogs: 0 });
      expect(await seqs(2)).toEqual([3, 11, 12]);
      expect(await prune(chunk)).toEqual({ changes: 0, outbox: 0, flowLogs: 0 });
      expect(await opened.store.count('serialNumber', 2)).toBe(3);
      expect((await opened.store.auditEvents(2, { afterSeq: 0, limit: 9 })).length).toBeGreaterThanOrEqual(3);
    });

    test('leaves the newest change, so that one who was away can tell that it missed others', async () => {
      for (let device = 1; device <= 5; device += 1) await see(device);
      now += 2 * HOUR;
      expect((await prune(2)).changes).toBe(4);
      expect(await seqs(2)).toEqual([5]);
      expect(await opened.store.feed.page(2, 2, 10)).toMatchObject({
        through: 5,
        prunedThrough: 4,
        end: true,
      });
      await see(6);
      expect(await seqs(2)).toEqual([5, 6]);
    });

    test('removes what was given up long ago from the outbox, and nothing that waits', async () => {
      for (const target of ['dead', 'waiting']) await enqueue(3, target);
      const items = await outbox().claim('webhook', { ...LOCK, holder: 'p' });
      await outbox().fail(items.find(({ target }) => target === 'dead')!, { error: 'gone', dead: true });
      await pass(HOUR);
      expect(await prune(5)).toMatchObject({ outbox: 0, flowLogs: 0 });
      now += 1;
      expect(await prune(5)).toMatchObject({ outbox: 1 });
      expect(await outbox().claim('webhook', { ...LOCK, holder: 'p' })).toMatchObject([
        { target: 'waiting' },
      ]);
    });

    test('windows shorter than followers need are refused', async () => {
      const retention = createRetention({ engine: opened.engine, clock });
      await expect(retention.prune({ ...windows, volatileMs: MINUTE })).rejects.toMatchObject({
        code: 'invalid',
        field: 'volatileMs',
      });
      await expect(retention.prune({ ...windows, historyMs: MINUTE })).rejects.toMatchObject({
        code: 'invalid',
        field: 'historyMs',
      });
    });

    test('runs beside writers without holding them up', async () => {
      await audited(opened.store, [4], (tx) =>
        tx.insertAll(
          'serialNumber',
          Array.from({ length: 900 }, (_, index) => serial(4, index + 1, `${index}`)),
        ),
      );
      now += 2 * HOUR;
      const [pruned] = await Promise.all([
        prune(50),
        ...Array.from({ length: 40 }, (_, index) => insertSerial(opened.store, 4, 1_000 + index)),
      ]);
      expect(pruned.changes).toBeGreaterThanOrEqual(899);
      expect((await seqs(4)).slice(-40)).toEqual(Array.from({ length: 40 }, (_, index) => 901 + index));
    });
  });
});
