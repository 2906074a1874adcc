import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBatches } from './batches.ts';

test('what is asked for under one name is one question', async () => {
  const asked: string[][] = [];
  const { load } = createBatches();
  const ask = (key: string) =>
    load('x', key, async (keys) => {
      asked.push([...keys]);
      return new Map(keys.map((one) => [one, one.toUpperCase()]));
    });
  expect(await Promise.all([ask('a'), ask('b'), ask('a')])).toEqual(['A', 'B', 'A']);
  expect(await ask('c')).toBe('C');
  expect(asked).toEqual([['a', 'b'], ['c']]);
});

test('answers that come at different times do not split the level below', async () => {
  const asked: string[] = [];
  const { load } = createBatches();
  const above = async (name: string, wait: number) => {
    await load(name, 1, async () => {
      await sleep(wait);
      return new Map();
    });
    return load('below', name, async (keys) => {
      asked.push(keys.join(' '));
      return new Map();
    });
  };
  await Promise.all([above('quick', 0), above('slow', 20)]);
  expect(asked).toEqual(['quick slow']);
});

test('a failure is that of its own name, whether it comes at once or later', async () => {
  const { load } = createBatches();
  const outcomes = await Promise.allSettled([
    load('bad', 1, async () => {
      throw new Error('later');
    }),
    load('good', 1, async () => new Map([[1, 'fine']])),
  ]);
  expect(outcomes).toMatchObject([{ reason: { message: 'later' } }, { value: 'fine' }]);
  expect(await load('good', 2, async () => new Map([[2, 'still']]))).toBe('still');
});
