import { getOperationAST, parse } from 'graphql';
import { expect, test } from 'vitest';
import { connectionOf } from './connection.ts';
import { checkLimits, createRowBudget } from './limits.ts';
import { createTwingateSchema } from './schema.ts';

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

test('a page size that the document itself gives as a default counts like any other', () => {
  const schema = createTwingateSchema();
  const document = parse(`query ($n: Int = 1000) {
    users(first: $n) { edges { node { groups(first: $n) { edges { node { resources(first: $n) { edges { node { id } } } } } } } } }
  }`);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  const check = (variables: Record<string, unknown>) => () =>
    checkLimits(schema, document, operation, variables);
  expect(check({})).toThrow('objects');
  expect(check({ n: 10 })).not.toThrow();
  // Null is given: the resolver takes its own default then.
  expect(check({ n: null })).not.toThrow();
});
