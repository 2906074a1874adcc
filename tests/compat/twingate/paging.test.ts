import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addToGroup, insertGroup, insertMember, seed } from '../../support/seeds.ts';
import { createTwingateServer, type Gql, gid, gqlOf } from './support.ts';

const PEOPLE = 24;

describe.each(ENGINES)('Twingate paging on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let everybody: readonly string[];
  let half: number;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    const org = api.organization.id;
    const made = await seed(api.store, org, async (tx) => {
      const people = [];
      for (let index = 0; index < PEOPLE; index += 1) {
        people.push(await insertMember(tx, org, { username: `p${index}@acme.test` }));
      }
      const group = await insertGroup(tx, org, { name: 'half' });
      await addToGroup(
        tx,
        org,
        group.id,
        people.filter((_, index) => index % 2 === 0).map(({ id }) => id),
      );
      await insertGroup(tx, org, { name: 'empty' });
      return { people, group };
    });
    half = made.group.id;
    everybody = [api.owner, ...made.people].sort((a, b) => a.id - b.id).map(({ email }) => email ?? '');
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  interface Page {
    edges: { cursor: string; node: { email: string } }[];
    pageInfo: {
      hasNextPage: boolean;
      hasPreviousPage: boolean;
      startCursor: string | null;
      endCursor: string | null;
    };
    totalCount: number;
  }
  const FIELDS =
    'totalCount edges { cursor node { email } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
  const users = async (variables: Record<string, unknown>): Promise<Page> => {
    const { data, errors } = await gql(
      `query($first: Int, $after: String, $last: Int, $before: String) { users(first: $first, after: $after, last: $last, before: $before) { ${FIELDS} } }`,
      variables,
    );
    expect(errors).toBeUndefined();
    return data.users;
  };
  const emails = (page: Page) => page.edges.map(({ node }) => node.email);

  test.each([1, 2, 7, 25, 100])('pages of %i walk through everybody, once and in order', async (first) => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const page: Page = await users({ first, after });
      expect(page.totalCount).toBe(PEOPLE + 1);
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
      expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor);
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor);
      seen.push(...emails(page));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(seen).toEqual(everybody);
  });

  test.each([1, 3, 25])('pages of %i walk back, each in order', async (last) => {
    let seen: string[] = [];
    let before: string | null = null;
    for (;;) {
      const page: Page = await users({ last, before });
      expect(page.pageInfo.hasNextPage).toBe(before !== null);
      seen = [...emails(page), ...seen];
      if (!page.pageInfo.hasPreviousPage) break;
      before = page.pageInfo.startCursor;
    }
    expect(seen).toEqual(everybody);
  });

  test('first and last together take the last of the first; bounds on both sides hold', async () => {
    const all = await users({ first: 100 });
    const cursor = (index: number) => all.edges[index]?.cursor;
    expect(emails(await users({ first: 5, last: 2 }))).toEqual(everybody.slice(3, 5));
    const between = await users({ after: cursor(3), before: cursor(8) });
    expect(emails(between)).toEqual(everybody.slice(4, 8));
    expect(between.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    expect((await users({ first: 2, after: cursor(3), before: cursor(8) })).pageInfo.hasNextPage).toBe(true);
  });

  test.each(['0', '<nil>', '', 'not a cursor', 'YXJyYXljb25uZWN0aW9uOjU='])(
    'the cursor %j, which is none of ours, means the start',
    async (after) => {
      expect(emails(await users({ first: 3, after }))).toEqual(everybody.slice(0, 3));
    },
  );

  test('a page of nothing is empty, one of too much or less than nothing is refused by name', async () => {
    const none = await users({ first: 0 });
    expect(none).toMatchObject({
      edges: [],
      pageInfo: { startCursor: null, endCursor: null, hasNextPage: true },
    });
    for (const size of [-1, 1_001]) {
      const { errors } = await gql(`{ users(first: ${size}) { totalCount } }`);
      expect(errors?.[0]?.message).toBe("Argument 'first' must be between 0 and 1000");
    }
  });

  test('pages of lists in lists go on from their cursors', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const { data, errors } = await gql(
        `query($id: ID!, $after: String) { group(id: $id) { users(first: 5, after: $after) { ${FIELDS} } } }`,
        { id: gid('Group', half), after },
      );
      expect(errors).toBeUndefined();
      const page: Page = data.group.users;
      expect(page.totalCount).toBe(PEOPLE / 2);
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
      seen.push(...emails(page));
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(seen).toEqual(everybody.filter((email) => /^p\d*[02468]@/u.test(email)));
  });

  test('Everyone stands at its place in a member’s groups, page by page', async () => {
    const page = async (variables: object) =>
      (
        await gql(
          'query($id: ID!, $first: Int, $after: String, $last: Int) { user(id: $id) { groups(first: $first, after: $after, last: $last) { edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage } } } }',
          { id: gid('User', memberOfHalf), ...variables },
        )
      ).data.user.groups;
    const memberOfHalf =
      (await api.store.find('groupMember', api.organization.id, { group: half }))[0]?.membership ?? 0;
    const first = await page({ first: 1 });
    expect(first).toMatchObject({ edges: [{ node: { name: 'Everyone' } }], pageInfo: { hasNextPage: true } });
    const second = await page({ first: 1, after: first.edges[0].cursor });
    expect(second).toMatchObject({
      edges: [{ node: { name: 'half' } }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
    expect(await page({ last: 1 })).toMatchObject({
      edges: [{ node: { name: 'half' } }],
      pageInfo: { hasPreviousPage: true },
    });
  });

  test('each nesting level is one question to the store', async () => {
    const asked: string[] = [];
    const { store } = api;
    const original = { ...store };
    for (const name of ['list', 'find', 'listRelated', 'countRelated', 'count'] as const) {
      const call = original[name] as (...args: unknown[]) => unknown;
      (store as unknown as Record<string, unknown>)[name] = (kind: string, ...rest: unknown[]) => {
        asked.push(`${name} ${kind}`);
        return call(kind, ...rest);
      };
    }
    const { errors } = await gql(`{ users(first: 20) { edges { node { email groups(first: 5) { edges { node {
      name securityPolicy { name } users(first: 3) { totalCount edges { node { email } } } } } } } } } }`);
    Object.assign(store, original);
    expect(errors).toBeUndefined();
    expect(asked.sort()).toEqual([
      'count membership',
      'countRelated membership',
      'list group',
      'list membership',
      'list membership',
      'list securityPolicy',
      'listRelated group',
      'listRelated membership',
    ]);
  });
});
