import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ENGINES, type EngineName } from '../../tests/support/engines.ts';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import { until } from '../../tests/support/until.ts';
import type { ClaimedOutbox, Outbox } from '../domain/ports/outbox.ts';
import { systemClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { migrate } from '../store/migrator.ts';
import { openEngine, type StoreLocation } from '../store/open-store.ts';
import { createOutbox } from '../store/outbox.ts';
import { createStore } from '../store/store.ts';
import { retryDelay } from './backoff.ts';
import { createWorker, PermanentFailure, type WorkerParts } from './worker.ts';

const ORG = 7;
const KIND = 'mail';
const SHORTEST_DELAY_MS = 800;
/** A machine that stands still for two thirds of it loses the lock of an item that is under way. */
const LOCK_MS = 3_000;
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function openOutbox(name: EngineName) {
  const directory = name === 'sqlite' ? mkdtempSync(join(tmpdir(), 'holdfast-worker-')) : undefined;
  const location: StoreLocation =
    directory === undefined
      ? { kind: 'postgres', url: await createTestDatabase() }
      : { kind: 'sqlite', directory };
  const engine = openEngine({ location, clock: systemClock, onError: () => undefined });
  await migrate(engine);
  const store = createStore({ engine, clock: systemClock });
  undo.push(async () => {
    await store.close();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });
  const rows = () =>
    engine.run('SELECT "payload", "attempt", "dead", "lastError", "runAt" FROM "outbox" ORDER BY "id"', []);
  /** Puts one item for each payload into the outbox. */
  const add = (...payloads: unknown[]) =>
    store.write(
      { orgs: [ORG], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        for (const payload of payloads) tx.enqueue(ORG, { kind: KIND, target: '', payload });
        tx.audit(ORG, { verb: 'update', objectKind: 'test', objectId: 0, objectName: '' });
      },
    );
  return { outbox: createOutbox({ engine, clock: systemClock }), add, rows };
}

const errors: unknown[] = [];
function worker(outbox: Outbox, handle: WorkerParts['handle'], options: Partial<WorkerParts> = {}) {
  const made = createWorker({
    outbox,
    kind: KIND,
    handle,
    holder: `holder-${undo.length}`,
    clock: systemClock,
    random: systemRandom,
    onError: (error) => errors.push(error),
    maxAttempts: 10,
    pollMs: 20,
    ...options,
  });
  made.start();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= made.close();
    return closing;
  };
  undo.push(close);
  return { ...made, close };
}

describe.each(ENGINES)('workers on %s', (engine) => {
  test('do everything once, however many share the outbox, and never too many at once', async () => {
    const { outbox, add, rows } = await openOutbox(engine);
    await add(...Array.from({ length: 60 }, (_, i) => i));
    const done: unknown[] = [];
    let running = 0;
    let most = 0;
    const handle = async (item: ClaimedOutbox): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await delay(5);
      running -= 1;
      done.push(item.payload);
    };
    for (let i = 0; i < 3; i += 1) worker(outbox, handle, { concurrency: 2 });
    await until(async () => (await rows()).length === 0);
    expect(done.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 60 }, (_, i) => i));
    expect(most).toBeLessThanOrEqual(6);
    expect(errors).toEqual([]);
  });

  test('try again later what failed, and keep why', async () => {
    const { outbox, add, rows } = await openOutbox(engine);
    await add(null);
    const tries: number[] = [];
    worker(outbox, async () => {
      tries.push(Date.now());
      throw new Error('the other side is away');
    });
    await until(async () => (await rows())[0]?.lastError === 'the other side is away');
    expect((await rows())[0]?.dead).toBeNull();
    await until(() => tries.length === 2);
    const [first = 0, second = 0] = tries;
    expect(second - first).toBeGreaterThanOrEqual(SHORTEST_DELAY_MS);
  });

  test.each([
    ['at once', new PermanentFailure('there is no such address'), 10],
    ['after the last try', new Error('away'), 1],
  ])('give up what fails for good, %s', async (_, error, maxAttempts) => {
    const { outbox, add, rows } = await openOutbox(engine);
    await add(null);
    worker(outbox, () => Promise.reject(error), { maxAttempts });
    await until(async () => (await rows()).every(({ dead }) => dead !== null));
    expect(await rows()).toMatchObject([{ attempt: 1, lastError: error.message }]);
  });

  test('leave an item to others when they stop before it is done', async () => {
    const { outbox, add } = await openOutbox(engine);
    await add(null);
    let begun = false;
    const first = worker(
      outbox,
      (_, signal) => {
        begun = true;
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
      },
      { lockMs: 300 },
    );
    await until(() => begun);
    await first.close();
    let attempt = 0;
    worker(outbox, async (item) => {
      attempt = item.attempt;
    });
    await until(() => attempt === 2);
  }, 20_000);

  test('keep an item that takes long to themselves', async () => {
    const { outbox, add, rows } = await openOutbox(engine);
    await add(null);
    let begun = 0;
    const handle = async (): Promise<void> => {
      begun += 1;
      await delay(1.5 * LOCK_MS);
    };
    worker(outbox, handle, { lockMs: LOCK_MS });
    worker(outbox, handle, { lockMs: LOCK_MS });
    await until(async () => (await rows()).length === 0);
    expect(begun).toBe(1);
  });
});

test('waits double from about a second to about an hour', () => {
  const middle = { bytes: (length: number) => new Uint8Array(length).fill(128) };
  expect([1, 2, 3, 12, 13, 40].map((attempt) => retryDelay(attempt, middle))).toEqual([
    1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000,
  ]);
  const low = { bytes: (length: number) => new Uint8Array(length) };
  expect(retryDelay(1, low)).toBe(SHORTEST_DELAY_MS);
});
