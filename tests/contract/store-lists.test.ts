import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Group, Membership } from '../../src/domain/model/people.ts';
import { type Condition, exists, through } from '../../src/domain/ports/store.ts';
import { ENGINES, openTestStore, type TestStore } from '../support/engines.ts';

const ORG = 7;
const OTHER = 8;
const stamp = { byKind: 'system', byId: '', byName: 'test' };
const context = {
  orgs: [ORG, OTHER],
  by: { kind: 'system' as const, id: '', name: 'test' },
  origin: 'system' as const,
};

const member = (org: number, id: number, username: string, givenName: string | null): Membership => ({
  org,
  id,
  nano: `nano${id}`,
  account: id,
  username,
  usernameKey: username.toLowerCase(),
  email: null,
  emailKey: null,
  displayName: null,
  givenName,
  familyName: null,
  avatarUrl: null,
  role: 'member',
  createdAt: 1,
  updatedAt: 1,
  joinedAt: 1,
  approvedAt: 1,
  suspendedAt: null,
  keepClients: false,
  managedBy: 'none',
  externalId: null,
  ...stamp,
});
const group = (org: number, id: number): Group => ({
  org,
  id,
  name: `Group ${id}`,
  key: `group-${id}`,
  kind: 'manual',
  systemKey: null,
  active: id % 2 === 0,
  originId: null,
  securityPolicy: null,
  createdAt: 1,
  updatedAt: id === 20 ? 1 : 2,
  ...stamp,
});

describe.each(ENGINES)('lists of the store on %s', (engine) => {
  let opened: TestStore;
  beforeAll(async () => {
    opened = await openTestStore(engine);
    await opened.store.write(context, async (tx) => {
      await tx.insertAll('membership', [
        member(ORG, 1, 'Anna', 'Ünal'),
        member(ORG, 2, 'annabel', null),
        member(ORG, 3, '100%_\\x', 'it\'s "x"'),
        member(ORG, 4, 'Zoë', ''),
        member(OTHER, 5, 'Anna', 'Ünal'),
      ]);
      await tx.insertAll('group', [group(ORG, 20), group(ORG, 21), group(ORG, 22), group(OTHER, 23)]);
      await tx.insertAll(
        'groupMember',
        [
          [20, 1],
          [20, 2],
          [20, 3],
          [21, 3],
          [21, 4],
        ].map(([groupId = 0, membership = 0]) => ({
          org: ORG,
          group: groupId,
          membership,
          source: membership === 4 ? ('directory' as const) : ('manual' as const),
        })),
      );
      await tx.insert('groupMember', { org: OTHER, group: 23, membership: 5, source: 'manual' });
      tx.audit(ORG, { verb: 'create', objectKind: 'membership', objectId: 1, objectName: 'all' });
      tx.audit(OTHER, { verb: 'create', objectKind: 'membership', objectId: 1, objectName: 'all' });
    });
  });
  afterAll(() => opened.close());

  const CASES: readonly (readonly [string, Condition<'membership'>, readonly number[]])[] = [
    ['contains ignores case', { column: 'username', operator: 'contains', value: 'ANNA' }, [1, 2]],
    ['contains-exact does not', { column: 'username', operator: 'contains-exact', value: 'Anna' }, [1]],
    [
      'contains-exact of nothing',
      { column: 'username', operator: 'contains-exact', value: '' },
      [1, 2, 3, 4],
    ],
    ['contains-exact of wildcards', { column: 'username', operator: 'contains-exact', value: '%_\\' }, [3]],
    ['starts-with-exact', { column: 'username', operator: 'starts-with-exact', value: 'anna' }, [2]],
    ['ends-with-exact', { column: 'username', operator: 'ends-with-exact', value: 'oë' }, [4]],
    [
      'ends-with-exact longer than the text',
      { column: 'username', operator: 'ends-with-exact', value: 'xZoë' },
      [],
    ],
    [
      'ends-with-exact of nothing',
      { column: 'username', operator: 'ends-with-exact', value: '' },
      [1, 2, 3, 4],
    ],
    ['quotes are no syntax', { column: 'givenName', operator: 'contains-exact', value: '\'s "' }, [3]],
    ['matches is unanchored', { column: 'username', operator: 'matches', value: 'n{2}a' }, [1, 2]],
    [
      'matches with anchors and classes',
      { column: 'username', operator: 'matches', value: '^[A-Z][^n]*$' },
      [4],
    ],
    [
      'matches with a dot and a quantifier',
      { column: 'username', operator: 'matches', value: '^.{3}$' },
      [4],
    ],
    ['matches literal symbols', { column: 'username', operator: 'matches', value: '\\d+%_\\\\x' }, [3]],
    ['null is unequal to nothing', { column: 'givenName', operator: '!=', value: 'Ünal' }, [3, 4]],
    ['null as empty', { column: 'givenName', operator: '!=', value: 'Ünal', emptyForNull: true }, [2, 3, 4]],
    [
      'null as empty, in',
      { column: 'givenName', operator: 'in', value: ['', 'q'], emptyForNull: true },
      [2, 4],
    ],
    ['an empty list holds nobody', { column: 'role', operator: 'in', value: [] }, []],
    ['same-as', { column: 'id', operator: 'same-as', value: 'account' }, [1, 2, 3, 4]],
    ['empty allOf', { allOf: [] }, [1, 2, 3, 4]],
    ['empty anyOf', { anyOf: [] }, []],
    [
      'nested words',
      {
        allOf: [
          { not: { column: 'id', operator: '=', value: 1 } },
          {
            anyOf: [
              { column: 'id', operator: '<', value: 3 },
              { column: 'username', operator: '=', value: 'Zoë' },
            ],
          },
        ],
      },
      [2, 4],
    ],
    [
      'exists',
      exists('groupMember', { membership: 'id' }, { column: 'group', operator: '=', value: 21 }),
      [3, 4],
    ],
    [
      'exists twice, one inside the other',
      exists(
        'groupMember',
        { membership: 'id' },
        exists('group', { id: 'group' }, { column: 'active', operator: '=', value: false }),
      ),
      [3, 4],
    ],
    ['exists of a foreign organization', exists('group', { id: 'id' }), []],
  ];
  test.each(CASES)('%s', async (_name, condition, expected) => {
    const rows = await opened.store.list('membership', ORG, { condition, limit: 10 });
    expect(rows.map(({ id }) => id)).toEqual(expected);
    expect(await opened.store.count('membership', ORG, { condition })).toBe(expected.length);
  });

  test('a column that does not exist is refused, also behind same-as and exists', async () => {
    const list = (condition: unknown) =>
      opened.store.list('membership', ORG, { condition: condition as Condition<'membership'>, limit: 1 });
    await expect(list({ column: '1=1 or id', operator: '=', value: 1 })).rejects.toThrow('no column');
    await expect(list({ column: 'id', operator: 'same-as', value: 'id" or 1=1' })).rejects.toThrow(
      'no column',
    );
    await expect(list({ exists: 'group', on: { id: 'nothing' } })).rejects.toThrow('no column');
  });

  const members = through('groupMember', 'group', 'membership');
  const pairs = (rows: readonly { readonly parent: number; readonly row: { readonly id: number } }[]) =>
    rows.map(({ parent, row }) => [parent, row.id]);

  test('each parent has a page of its own', async () => {
    const list = (options: object) =>
      opened.store.listRelated('membership', ORG, {
        relation: members,
        parents: [20, 21, 22],
        limit: 2,
        ...options,
      });
    expect(pairs(await list({}))).toEqual([
      [20, 1],
      [20, 2],
      [21, 3],
      [21, 4],
    ]);
    expect(pairs(await list({ afterId: 2 }))).toEqual([
      [20, 3],
      [21, 3],
      [21, 4],
    ]);
    expect(pairs(await list({ descending: true, limit: 1 }))).toEqual([
      [20, 3],
      [21, 4],
    ]);
    expect(pairs(await list({ beforeId: 3, descending: true }))).toEqual([
      [20, 2],
      [20, 1],
    ]);
    expect(pairs(await list({ condition: { column: 'givenName', operator: 'not-null' } }))).toEqual([
      [20, 1],
      [20, 3],
      [21, 3],
      [21, 4],
    ]);
    expect(await list({ parents: [] })).toEqual([]);
  });

  test('a link of another organization leads nowhere', async () => {
    const rows = await opened.store.listRelated('membership', ORG, {
      relation: members,
      parents: [23],
      limit: 9,
    });
    expect(rows).toEqual([]);
  });

  test('a link can be narrowed, and a parent can be a column of the row', async () => {
    const directory = through('groupMember', 'group', 'membership', {
      column: 'source',
      operator: '=',
      value: 'directory',
    });
    const rows = await opened.store.listRelated('membership', ORG, {
      relation: directory,
      parents: [20, 21],
      limit: 9,
    });
    expect(pairs(rows)).toEqual([[21, 4]]);
    const byColumn = await opened.store.listRelated('group', ORG, {
      relation: { parent: 'updatedAt' },
      parents: [1, 2],
      limit: 9,
    });
    expect(pairs(byColumn)).toEqual([
      [1, 20],
      [2, 21],
      [2, 22],
    ]);
  });

  test('counts leave out parents without rows', async () => {
    const counts = await opened.store.countRelated('membership', ORG, {
      relation: members,
      parents: [20, 21, 22, 23],
    });
    expect([...counts]).toEqual(
      expect.arrayContaining([
        [20, 3],
        [21, 2],
      ]),
    );
    expect(counts.size).toBe(2);
  });

  test('text is ordered by its bytes on every engine', async () => {
    const rows = await opened.store.list('membership', ORG, { orderBy: [{ column: 'username' }], limit: 10 });
    expect(rows.map(({ username }) => username)).toEqual(['100%_\\x', 'Anna', 'Zoë', 'annabel']);
  });
});
