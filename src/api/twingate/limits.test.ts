import { expect, test } from 'vitest';
import { connectionOf } from './connection.ts';
import { createRowBudget } from './limits.ts';

const MANY = 200_000;

test('an answer may hold so many rows in all, over all of its lists', () => {
  const spend = createRowBudget();
  spend(MANY - 1);
  spend(1);
  expect(() => spend(1)).toThrow('exceeds 200000 objects');
  // Another answer begins anew.
  expect(() => createRowBudget()(MANY)).not.toThrow();
});

test('each list tells how many rows it shows', async () => {
  const told: number[] = [];
  const rows = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const source = { page: async () => ({ rows, more: false }), count: async () => rows.length };
  await connectionOf({}, { spend: (count) => void told.push(count) }, source);
  await connectionOf({ first: 3, last: 2 }, { spend: (count) => void told.push(count) }, source);
  expect(told).toEqual([3, 2]);
});
