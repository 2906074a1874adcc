import { expect, test } from 'vitest';
import type { Context } from './context.ts';
import { createDocuments } from './documents.ts';
import { createTwingateSchema } from './schema.ts';

const schema = createTwingateSchema();
// Nothing that these documents ask for needs a context.
const NO_CONTEXT = {} as Context;

async function use(documents: ReturnType<typeof createDocuments>, text: string): Promise<unknown> {
  const checked = documents.get(text);
  if ('errors' in checked) throw new Error(checked.errors[0]?.message);
  const { data } = await checked.query(undefined, {}, NO_CONTEXT);
  return { ...data };
}

test('a document is compiled when it comes again and again, and goes on answering', async () => {
  const documents = createDocuments(schema, { compileAfter: 2 });
  const compiled: number[] = [];
  for (let times = 0; times < 4; times += 1) {
    expect(await use(documents, '{ __typename }')).toEqual({ __typename: 'QueriesRoot' });
    compiled.push(documents.compiled);
  }
  expect(compiled).toEqual([0, 0, 1, 1]);
});

test.each([
  '{ users { totalCount edges { node { id groups(first: 2) { edges { node { name } } } } } } }',
  '{ resources { edges { node { __typename ... on SSHResource { gateway { id } } access { edges { node { ... on Group { id } } } } } } } }',
  '{ certificateAuthorities { edges { node { ... on X509CertificateAuthority { id } } } } __schema { queryType { name } } }',
])('the compiler takes what the schema has: %s', async (text) => {
  const documents = createDocuments(schema, { compileAfter: 0 });
  const checked = documents.get(text);
  if ('errors' in checked) throw new Error(checked.errors[0]?.message);
  await checked.query(undefined, {}, NO_CONTEXT);
  expect(documents.compiled).toBe(1);
});

test('functions are kept for those that were used last', async () => {
  const documents = createDocuments(schema, { compileAfter: 0, maxCompiled: 3 });
  for (let index = 0; index < 10; index += 1) {
    expect(await use(documents, `{ a${index}: __typename }`)).toEqual({ [`a${index}`]: 'QueriesRoot' });
  }
  expect(documents.compiled).toBe(3);
});

test('a document that is forgotten is checked anew', () => {
  const documents = createDocuments(schema, { maxParsed: 1 });
  const first = documents.get('{ __typename }');
  expect(documents.get('{ __typename }')).toBe(first);
  documents.get('{ other: __typename }');
  expect(documents.get('{ __typename }')).not.toBe(first);
});

test('one too long to come again is not kept', () => {
  const documents = createDocuments(schema);
  const long = `{ __typename }${' '.repeat(20_000)}`;
  expect(documents.get(long)).not.toBe(documents.get(long));
});

test('each operation of a document is compiled for itself', async () => {
  const documents = createDocuments(schema, { compileAfter: 0 });
  const checked = documents.get('query A { a: __typename } query B { b: __typename }');
  if ('errors' in checked) throw new Error('refused');
  const answers = [];
  for (const name of ['A', 'B', 'A']) answers.push((await checked.query(name, {}, NO_CONTEXT)).data);
  expect(answers.map((data) => Object.keys(data ?? {}))).toEqual([['a'], ['b'], ['a']]);
  expect(documents.compiled).toBe(2);
});
