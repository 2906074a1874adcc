import { setImmediate as soon } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AppError } from '../kernel/errors.ts';
import { createFairQueue } from './fair-queue.ts';

const queueOf = (limits: { running?: number; perParty?: number; ms?: number } = {}) =>
  createFairQueue({
    running: 2,
    perParty: 3,
    ms: 10_000,
    late: 'it took too long',
    busy: 'too many wait',
    ...limits,
  });

/** Work that begins when it is let in, and ends when it is told to. */
function work(name: string, log: string[]) {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    run: async () => {
      log.push(name);
      await ended;
      return name;
    },
    end,
  };
}
const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : 'other');

describe('a fair queue', () => {
  it('lets one piece of each party run, and the next parties in turn', async () => {
    const queue = queueOf();
    const log: string[] = [];
    const pieces = [work('a1', log), work('a2', log), work('a3', log), work('b1', log), work('c1', log)];
    const [a1, a2, a3, b1, c1] = pieces;
    const all = [
      ...[a1, a2, a3].map((piece) => queue.run(1, async () => piece?.run())),
      queue.run(2, async () => b1?.run()),
      queue.run(3, async () => c1?.run()),
    ];
    await soon();
    expect(log).toEqual(['a1', 'b1']);
    a1?.end();
    await soon();
    // The third party has waited longer than what is left of the first.
    expect(log).toEqual(['a1', 'b1', 'c1']);
    for (const piece of pieces) piece.end();
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'b1', 'c1']);
  });

  it('refuses what one party asks for too much, and nobody else', async () => {
    const queue = queueOf({ running: 1 });
    const log: string[] = [];
    const first = work('a', log);
    const running = [1, 2, 3].map(() => queue.run(1, first.run));
    await expect(queue.run(1, first.run)).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'too many wait',
      details: { retryAfterSeconds: 2 },
    });
    const other = queue.run(2, async () => 'b');
    first.end();
    expect(await other).toBe('b');
    await Promise.all(running);
    expect(await queue.run(1, async () => 'again')).toBe('again');
  });

  it('ends what is not done in time, waiting or running, and goes on with the next when the work has ended', async () => {
    const queue = queueOf({ running: 1, ms: 30 });
    const log: string[] = [];
    const stuck = work('stuck', log);
    let told = false;
    const running = queue.run(1, async (signal) => {
      signal.addEventListener('abort', () => {
        told = true;
      });
      return stuck.run();
    });
    const waiting = queue.run(2, async () => log.push('late'));
    const outcomes = await Promise.allSettled([running, waiting]);
    expect(outcomes.map((one) => (one.status === 'rejected' ? codeOf(one.reason) : 'done'))).toEqual([
      'unavailable',
      'unavailable',
    ]);
    expect({ told, log }).toEqual({ told: true, log: ['stuck'] });
    stuck.end();
    expect(await queue.run(2, async () => 'next')).toBe('next');
    expect(log).toEqual(['stuck']);
  });

  it('gives the place of work that failed to the next', async () => {
    const queue = queueOf({ running: 1 });
    await expect(queue.run(1, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await queue.run(2, async () => 'fine')).toBe('fine');
  });
});
