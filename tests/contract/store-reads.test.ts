import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Row } from '../../src/domain/model/entities.ts';
import type { Filter, ListOptions } from '../../src/domain/ports/store.ts';
import { arbitraryRow } from './arbitrary-rows.ts';
import { audited, ENGINES, insertSerial, type OpenedStore, openNew, serial } from './stores.ts';

const ORG = 5;

/** Groups with a null, an empty and awkward names; `key` is the id, `originId` and `securityPolicy` may be null. */
const NAMES = [
  'alpha',
  'ALPHA',
  '50%',
  '50 percent',
  'a_b',
  'axb',
  'back\\slash',
  'quo"te\'s',
  'Élan',
  'élan',
  '',
];
const group = (id: number, name: string): Row<'group'> => ({
  org: ORG,
  id,
  name,
  key: String(id),
  kind: 'manual',
  systemKey: null,
  active: id % 2 === 0,
  originId: id % 3 === 0 ? null : id % 3 === 1 ? '' : name,
  securityPolicy: id % 4 === 0 ? null : (id % 4) - 2,
  createdAt: 1_000 - id,
  updatedAt: 5,
  byKind: '',
  byId: '',
  byName: '',
});
const GROUPS = NAMES.map((name, index) => group(index + 1, name));

type GroupFilter = Filter<'group'>;
type Predicate = (row: Row<'group'>) => boolean;
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const CASES: readonly (readonly [string, GroupFilter, Predicate])[] = [
  ['=', { column: 'name', operator: '=', value: 'alpha' }, ({ name }) => name === 'alpha'],
  ['= false', { column: 'active', operator: '=', value: false }, ({ active }) => !active],
  ['= null', { column: 'originId', operator: '=', value: null }, ({ originId }) => originId === null],
  ['!=', { column: 'name', operator: '!=', value: 'alpha' }, ({ name }) => name !== 'alpha'],
  ['!= null', { column: 'originId', operator: '!=', value: null }, ({ originId }) => originId !== null],
  ['<', { column: 'createdAt', operator: '<', value: 995 }, ({ createdAt }) => createdAt < 995],
  ['<=', { column: 'createdAt', operator: '<=', value: 995 }, ({ createdAt }) => createdAt <= 995],
  ['>', { column: 'id', operator: '>', value: 8 }, ({ id }) => id > 8],
  ['>=', { column: 'id', operator: '>=', value: 8 }, ({ id }) => id >= 8],
  [
    '< text',
    { column: 'name', operator: '<', value: 'a' },
    ({ name }) => Buffer.compare(Buffer.from(name), Buffer.from('a')) < 0,
  ],
  [
    'contains, case',
    { column: 'name', operator: 'contains', value: 'LpH' },
    ({ name }) => lower(name) === 'alpha',
  ],
  ['contains %', { column: 'name', operator: 'contains', value: '0%' }, ({ name }) => name === '50%'],
  ['contains _', { column: 'name', operator: 'contains', value: '_' }, ({ name }) => name === 'a_b'],
  [
    'contains backslash',
    { column: 'name', operator: 'contains', value: '\\' },
    ({ name }) => name.includes('\\'),
  ],
  [
    'contains quotes',
    { column: 'name', operator: 'contains', value: '"te\'' },
    ({ name }) => name.startsWith('quo'),
  ],
  ['contains nothing', { column: 'name', operator: 'contains', value: '' }, () => true],
  [
    'contains, beyond ASCII',
    { column: 'name', operator: 'contains', value: 'É' },
    ({ name }) => name === 'Élan',
  ],
  [
    'starts-with',
    { column: 'name', operator: 'starts-with', value: 'AL' },
    ({ name }) => lower(name) === 'alpha',
  ],
  ['starts-with %', { column: 'name', operator: 'starts-with', value: '%' }, () => false],
  ['ends-with', { column: 'name', operator: 'ends-with', value: 'B' }, ({ name }) => /[xB_b]b$/.test(name)],
  ['is-null', { column: 'securityPolicy', operator: 'is-null' }, (row) => row.securityPolicy === null],
  ['not-null', { column: 'securityPolicy', operator: 'not-null' }, (row) => row.securityPolicy !== null],
  ['in', { column: 'id', operator: 'in', value: [1, 3, 99] }, ({ id }) => id === 1 || id === 3],
  [
    'in texts',
    { column: 'name', operator: 'in', value: ['50%', 'quo"te\'s', 'back\\slash', '{a,b}'] },
    ({ id }) => [3, 7, 8].includes(id),
  ],
  ['in booleans', { column: 'active', operator: 'in', value: [true] }, ({ active }) => active],
  ['in nothing', { column: 'id', operator: 'in', value: [] }, () => false],
  ['in, with null', { column: 'originId', operator: 'in', value: ['', null] }, ({ originId }) => !originId],
  ['not-in', { column: 'id', operator: 'not-in', value: [1, 3] }, ({ id }) => id !== 1 && id !== 3],
  ['not-in nothing', { column: 'id', operator: 'not-in', value: [] }, () => true],
  [
    'not-in, with null',
    { column: 'originId', operator: 'not-in', value: ['', null] },
    ({ originId }) => Boolean(originId),
  ],
];

describe.each(ENGINES)('reads on %s', (engine) => {
  let opened: OpenedStore;
  beforeAll(async () => {
    opened = await openNew(engine);
    await audited(opened.store, [ORG], (tx) => tx.insertAll('group', GROUPS));
  });
  afterAll(() => opened.close());

  test.each(CASES)('%s', async (_name, filter, predicate) => {
    const { store } = opened;
    const expected = GROUPS.filter(predicate);
    expect(await store.list('group', ORG, { filters: [filter], limit: 100 })).toEqual(expected);
    expect(await store.list('group', ORG, { anyOf: [filter], limit: 100 })).toEqual(expected);
    expect(await store.count('group', ORG, { filters: [filter] })).toBe(expected.length);
    const inTx = await audited(store, [ORG], (tx) =>
      tx.list('group', ORG, { filters: [filter], limit: 100 }),
    );
    expect(inTx).toEqual(expected);
  });

  test('filters must all hold, and one of anyOf', async () => {
    const rows = await opened.store.list('group', ORG, {
      where: { active: true },
      filters: [{ column: 'id', operator: '>', value: 3 }],
      anyOf: [
        { column: 'name', operator: '=', value: 'axb' },
        { column: 'id', operator: 'in', value: [1, 4, 8] },
      ],
      limit: 100,
    });
    expect(rows.map(({ id }) => id)).toEqual([4, 6, 8]);
  });

  test('find takes values, lists, nulls, and lists with null', async () => {
    const ids = async (where: Parameters<typeof opened.store.find<'group'>>[2]): Promise<number[]> =>
      (await opened.store.find('group', ORG, where)).map(({ id }) => id);
    expect(await ids({ name: 'a_b' })).toEqual([5]);
    expect(await ids({ id: [9, 2], active: undefined as never })).toEqual([2, 9]);
    expect(await ids({ originId: null })).toEqual([3, 6, 9]);
    expect(await ids({ originId: ['', null] })).toEqual([1, 3, 4, 6, 7, 9, 10, 11]);
    expect(await ids({ id: [] })).toEqual([]);
    expect(await ids({ active: [true, false], name: 'Élan' })).toEqual([9]);
  });

  test('find refuses more rows than its limit, and lists take many values', async () => {
    await expect(opened.store.find('group', ORG, {}, 10)).rejects.toMatchObject({ code: 'too_large' });
    expect(await opened.store.find('group', ORG, {}, 11)).toHaveLength(11);
    // More than either engine takes parameters.
    const many = Array.from({ length: 70_000 }, (_, index) => index + 11);
    expect(await opened.store.find('group', ORG, { id: many })).toHaveLength(1);
  });

  test('a question of more conditions than the engines bear is refused as too large', async () => {
    const filters = Array.from(
      { length: 500 },
      (_, id): GroupFilter => ({ column: 'id', operator: '!=', value: id }),
    );
    for (const options of [{ filters }, { anyOf: filters }]) {
      await expect(opened.store.list('group', ORG, { ...options, limit: 1 })).rejects.toMatchObject({
        code: 'too_large',
      });
    }
    const bearable = filters.slice(0, 390);
    for (const options of [{ filters: bearable }, { anyOf: bearable }]) {
      await opened.store.count('group', ORG, options);
    }
    const long: GroupFilter = { column: 'name', operator: 'contains', value: '%'.repeat(4_001) };
    await expect(opened.store.count('group', ORG, { filters: [long] })).rejects.toMatchObject({
      code: 'invalid',
      field: 'name',
    });
    const longest: GroupFilter = { column: 'name', operator: 'contains', value: '%'.repeat(4_000) };
    expect(await opened.store.count('group', ORG, { filters: [longest] })).toBe(0);
  });

  test('text that no row can hold is refused by the name of its column', async () => {
    for (const value of ['nul\0', 'half \uD83D']) {
      const refused = { code: 'invalid', field: 'name' };
      await expect(opened.store.find('group', ORG, { name: value })).rejects.toMatchObject(refused);
      await expect(
        audited(opened.store, [ORG], (tx) => tx.insert('group', group(77, value))),
      ).rejects.toMatchObject(refused);
      await expect(
        audited(opened.store, [ORG], (tx) => tx.update('group', ORG, 1, { name: value })),
      ).rejects.toMatchObject(refused);
    }
  });

  test('values of another kind than their column are refused before they reach the database', async () => {
    const { store } = opened;
    for (const id of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7', undefined, null]) {
      const row = { ...group(70, 'x'), id } as unknown as Row<'group'>;
      await expect(audited(store, [ORG], (tx) => tx.insert('group', row))).rejects.toThrow(TypeError);
    }
    await expect(store.get('group', ORG, 2 ** 53)).rejects.toThrow(TypeError);
    await expect(
      store.list('group', ORG, { filters: [{ column: 'nope' as 'id', operator: '=', value: 1 }], limit: 1 }),
    ).rejects.toThrow(TypeError);
    await expect(
      store.list('device', ORG, { filters: [{ column: 'serials', operator: '=', value: '[]' }], limit: 1 }),
    ).rejects.toThrow(TypeError);
    await expect(store.lookup('device' as 'credential', 'label' as 'publicId', 'x')).rejects.toThrow(
      TypeError,
    );
  });

  test('a row read back holds the columns and nothing else that the caller had in it', async () => {
    const row = { ...group(60, 'extra'), secret: 'not a column' };
    const inserted = await audited(opened.store, [ORG], (tx) => tx.insert('group', row));
    expect(inserted).toEqual(group(60, 'extra'));
    const [last] = (await opened.store.feed.read(ORG, 0, 1_000)).slice(-1);
    expect(last?.after).toEqual(group(60, 'extra'));
    await audited(opened.store, [ORG], (tx) => tx.remove('group', ORG, 60));
  });

  test('a position that does not fit the order is refused', async () => {
    const options: ListOptions<'group'> = { orderBy: [{ column: 'name' }], limit: 3 };
    await expect(opened.store.list('group', ORG, { ...options, after: ['x'] })).rejects.toMatchObject({
      code: 'invalid',
      field: 'after',
    });
  });

  test('kinds without an id are listed in the order of their key', async () => {
    const tag = (device: number, text: string): Row<'deviceTag'> => ({
      org: ORG,
      device,
      tag: text,
      source: 'admin',
    });
    const tags = [tag(1, 'tag:b'), tag(2, 'tag:a'), tag(1, 'tag:a'), tag(2, 'tag:c')];
    await audited(opened.store, [ORG], (tx) => tx.insertAll('deviceTag', tags));
    const names = (rows: readonly Row<'deviceTag'>[]): string[] =>
      rows.map((row) => `${row.device} ${row.tag}`);
    const all = ['1 tag:a', '1 tag:b', '2 tag:a', '2 tag:c'];
    expect(names(await opened.store.list('deviceTag', ORG, { limit: 9 }))).toEqual(all);
    expect(names(await opened.store.list('deviceTag', ORG, { limit: 9, after: [1, 'tag:b'] }))).toEqual(
      all.slice(2),
    );
    const byTag: ListOptions<'deviceTag'> = { orderBy: [{ column: 'tag', descending: true }], limit: 9 };
    expect(names(await opened.store.list('deviceTag', ORG, byTag))).toEqual([
      '2 tag:c',
      '1 tag:b',
      '1 tag:a',
      '2 tag:a',
    ]);
    expect(names(await opened.store.list('deviceTag', ORG, { ...byTag, after: ['tag:a', 1] }))).toEqual([
      '2 tag:a',
    ]);
  });

  test('pages of any size in any order, put together, are the whole list', async () => {
    const org = 55;
    const rows = fc.sample(arbitraryRow('resource', org), 60).map((make, index) => {
      const row = make(index + 1);
      // Few values, so that orders have ties and nulls.
      return {
        ...row,
        active: index % 2 === 0,
        accessSeconds: [null, 0, -5, 9][index % 4] ?? null,
        alias: [null, '', 'b', 'é'][index % 4] ?? null,
      };
    });
    await audited(opened.store, [org], (tx) => tx.insertAll('resource', rows));
    const column = fc.constantFrom<keyof Row<'resource'> & string>(
      'active',
      'accessSeconds',
      'alias',
      'name',
      'createdAt',
      'id',
    );
    const order = fc.uniqueArray(fc.record({ column, descending: fc.boolean() }), {
      maxLength: 4,
      selector: (one) => one.column,
    });
    await fc.assert(
      fc.asyncProperty(order, fc.integer({ min: 1, max: 25 }), async (orderBy, limit) => {
        const whole = await opened.store.list('resource', org, { orderBy, limit: 1_000 });
        expect(whole).toHaveLength(60);
        expect(await pages(opened, org, orderBy, limit)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  test('rows inserted while pages are read repeat none and hide none that were there', async () => {
    const org = 56;
    const [make] = fc.sample(arbitraryRow('resource', org), 1);
    const row = (id: number): Row<'resource'> => ({
      ...make!(id),
      name: `n${(id * 7) % 10}`,
      alias: id % 3 === 0 ? null : 'a',
    });
    await audited(opened.store, [org], (tx) =>
      tx.insertAll(
        'resource',
        Array.from({ length: 50 }, (_, index) => row(index + 1)),
      ),
    );
    const orderBy = [{ column: 'name', descending: true }, { column: 'alias' }] as const;
    let next = 51;
    const seen = await pages(opened, org, orderBy, 7, () =>
      audited(opened.store, [org], (tx) => tx.insertAll('resource', [row(next++), row(next++), row(next++)])),
    );
    const ids = seen.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id <= 50)).toHaveLength(50);
  });

  test('lookup finds by what is unique in the installation, whatever the organization', async () => {
    const [make] = fc.sample(arbitraryRow('device', 91), 1);
    const device = make!(9_001);
    await audited(opened.store, [91], (tx) => tx.insert('device', device));
    expect(await opened.store.lookup('device', 'nodeKey', device.nodeKey)).toEqual(device);
    expect(await opened.store.lookup('device', 'nodeKey', 'nothing')).toBeUndefined();
  });

  test('lookupAll finds several of them at once, of every organization', async () => {
    const address = (org: number, ip: string) =>
      ({ org, ip, family: 4, holderKind: 'device', holder: 1, claim: ip }) as const;
    const rows = [address(94, '100.70.0.1'), address(95, '100.70.0.2'), address(95, '100.70.0.3')];
    for (const row of rows) await audited(opened.store, [row.org], (tx) => tx.insert('address', row));
    const asked = ['100.70.0.1', '100.70.0.2', '100.70.0.9', "'", '\\'];
    const found = await opened.store.lookupAll('address', 'claim', asked);
    expect(found.sort((a, b) => a.org - b.org)).toEqual(rows.slice(0, 2));
    expect(await opened.store.lookupAll('address', 'claim', [])).toEqual([]);
  });

  test('a lookup in a write sees the write itself and what was committed while it waited for its lock', async () => {
    const org = 92;
    const [make] = fc.sample(arbitraryRow('device', org), 1);
    await insertSerial(opened.store, org, 1);
    let entered = (): void => undefined;
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const first = audited(opened.store, [org], async (tx) => {
      entered();
      await tx.insert('device', make!(9_100));
      expect(await tx.lookup('device', 'nodeKey', make!(9_100).nodeKey)).toEqual(make!(9_100));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await tx.insert('serialNumber', serial(org, 2, 'second'));
    });
    await inside;
    const second = audited(opened.store, [org], async (tx) => ({
      device: await tx.lookup('device', 'nodeKey', make!(9_100).nodeKey),
      serials: await tx.count('serialNumber', org),
    }));
    await first;
    expect(await second).toEqual({ device: make!(9_100), serials: 2 });
  });
});

async function pages(
  { store }: OpenedStore,
  org: number,
  orderBy: NonNullable<ListOptions<'resource'>['orderBy']>,
  limit: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Row<'resource'>[]> {
  const columns = [...orderBy.map(({ column }) => column).filter((name) => name !== 'id'), 'id'] as const;
  const seen: Row<'resource'>[] = [];
  for (;;) {
    const last = seen.at(-1);
    const after =
      last === undefined ? {} : { after: columns.map((name) => last[name] as string | number | null) };
    const page = await store.list('resource', org, { orderBy, limit, ...after });
    seen.push(...page);
    if (page.length < limit) return seen;
    await between();
  }
}
