// Log streams where the machine or the database is slow: what one delivery sent, no later one sends again.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/engines.ts';
import { createGate } from '../support/gate.ts';
import { unless } from '../support/requirements.ts';
import { until } from '../support/until.ts';
import { createStreamRig, linesOf, namesOf, type StreamRig } from './rig.ts';

/** Longer than a lease that nobody renews is held. */
const STALL_MS = 20_000;

describe.each(ENGINES)('log streams on %s that is slow', (engine) => {
  let rig: StreamRig;
  beforeEach(async () => {
    rig = await createStreamRig(engine);
  });
  afterEach(async () => {
    expect(rig.api.failures).toEqual([]);
    await rig.close();
  });
  const names = (): string[] => namesOf(rig.receiver.requests.flatMap(({ body }) => linesOf(body)));
  const has = (name: string | undefined) => () => names().includes(name ?? '');

  test('a look at the streams that was under way while a delivery ended does not repeat it', async () => {
    await rig.stream({});
    const made = await rig.configure(3);
    const looked = createGate();
    const ended = createGate();
    let looks = 0;
    rig.deliver({
      through: (exchange) => async (request, signal) => {
        await looked.passed;
        return exchange(request, signal);
      },
      queue: (queue) => ({
        ...queue,
        streams: async () => {
          const streams = await queue.streams();
          looks += 1;
          if (looks !== 2) return streams;
          looked.open();
          await ended.passed;
          return streams;
        },
      }),
    });
    await until(async () => (await rig.status()).numEntriesSent !== 0, 'a delivery that is noted');
    ended.open();
    made.push(...(await rig.configure(1)));
    await until(has(made.at(-1)), 'the last entry');
    expect(names()).toEqual(made);
  });

  test.each([
    ['was lost', false],
    ['was lost and came back', true],
  ])(
    'a process whose right to deliver %s sends nothing that it had read before',
    unless(engine === 'postgres' ? undefined : 'SQLite has one process', { optional: true }),
    async (_, comesBack) => {
      await rig.stream({});
      const made = await rig.configure(3);
      const read = createGate();
      const resumed = createGate();
      let stalledMs = 0;
      let mayHold = true;
      let taken = 0;
      rig.deliver({
        holder: 'slow',
        clock: { now: () => Date.now() + stalledMs },
        entries:
          (entries) =>
          async (...parts) => {
            const found = await entries(...parts);
            read.open();
            await resumed.passed;
            return found;
          },
        lease: (lease) => ({
          ...lease,
          hold: async (ttlMs) => {
            const held = mayHold && (await lease.hold(ttlMs));
            taken += Number(held);
            return held;
          },
        }),
      });
      await read.passed;
      // As if it had stood still until its lease ended, which another process then took.
      mayHold = false;
      stalledMs = STALL_MS;
      const other = rig.deliver({ holder: 'other' });
      await until(async () => {
        // Again and again: a renewal may have been on its way.
        await rig.api.engine.transaction((connection) =>
          connection.run(`UPDATE "lease" SET "expiresAt" = 0 WHERE "holder" = 'slow'`, []),
        );
        return has(made.at(-1))();
      }, 'the entries from the other process');
      await until(async () => (await rig.status()).numEntriesSent !== 0, 'a delivery that is noted');
      if (comesBack) {
        // It gives its right back.
        await other.close();
        const before = taken;
        mayHold = true;
        await until(() => taken > before, 'the right to deliver');
      }
      resumed.open();
      made.push(...(await rig.configure(1)));
      await until(has(made.at(-1)), 'an entry written later');
      expect(names()).toEqual(made);
    },
  );
});
