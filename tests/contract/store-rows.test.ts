import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EntityKind, entities, type Row } from '../../src/domain/model/entities.ts';
import type { Reader, RowKey, Where } from '../../src/domain/ports/store.ts';
import { ALL_KINDS, arbitraryRow, columnsOfKind, keyOf, keysOf } from './arbitrary-rows.ts';
import { audited, ENGINES, type OpenedStore, openNew } from './stores.ts';

const ORG = 7;
const OTHER = 8;
const RUNS = 4;

// The table holds every kind, so its types are those of any one of them.
type Any = Row<EntityKind>;
const anyKey = (kind: EntityKind, row: object): RowKey<EntityKind> => keyOf(kind, row) as RowKey<EntityKind>;

describe.each(ENGINES)('rows on %s', (engine) => {
  let opened: OpenedStore;
  let number = 1_000;
  beforeAll(async () => {
    opened = await openNew(engine);
  });
  afterAll(() => opened.close());
  const headOf = async (): Promise<number> => (await opened.store.feed.heads([ORG])).get(ORG) ?? 0;

  test.each(ALL_KINDS)('a %s is written, read, changed, replaced and removed without loss', async (kind) => {
    const { store } = opened;
    const { volatile: isVolatile } = entities[kind];
    const keyNames: readonly string[] = entities[kind].key;
    await fc.assert(
      fc.asyncProperty(arbitraryRow(kind, ORG), arbitraryRow(kind, ORG), async (makeFirst, makeSecond) => {
        number += 10;
        const first: Any = makeFirst(number);
        const fixed =
          typeof keyOf(kind, first) === 'number' ? { id: keyOf(kind, first) } : keyOf(kind, first);
        const replaced = { ...makeSecond(number + 1), ...(fixed as object) } as Any;
        const key = anyKey(kind, first);
        const start = await headOf();

        expect(await audited(store, [ORG], (tx) => tx.insert(kind, first))).toEqual(first);
        expect(await store.get(kind, ORG, key)).toEqual(first);
        const where = Object.fromEntries(
          keyNames.map((name) => [name, (first as unknown as Record<string, unknown>)[name]]),
        ) as Where<EntityKind>;
        expect(await store.find(kind, ORG, where)).toEqual([first]);
        expect(await store.list(kind, ORG, { where, limit: 2 })).toEqual([first]);
        expect(await store.count(kind, ORG, { where })).toBe(1);

        const patch = Object.fromEntries(
          Object.entries(replaced).filter(([name]) => name !== 'org' && !keyNames.includes(name)),
        ) as Partial<Any>;
        const updated = await audited(store, [ORG], (tx) => tx.update(kind, ORG, key, patch));
        expect(updated).toEqual(replaced);
        expect(await store.get(kind, ORG, key)).toEqual(replaced);
        await audited(store, [ORG], (tx) => tx.put(kind, first));
        expect(await store.get(kind, ORG, key)).toEqual(first);
        expect(await audited(store, [ORG], (tx) => tx.remove(kind, ORG, key))).toBe(true);
        expect(await store.get(kind, ORG, key)).toBeUndefined();
        expect(await audited(store, [ORG], (tx) => tx.remove(kind, ORG, key))).toBe(false);
        await expect(audited(store, [ORG], (tx) => tx.update(kind, ORG, key, patch))).rejects.toMatchObject({
          code: 'not_found',
        });
        await audited(store, [ORG], (tx) => tx.put(kind, replaced));
        expect(await store.get(kind, ORG, key)).toEqual(replaced);
        await audited(store, [ORG], (tx) => tx.remove(kind, ORG, key));

        const same = JSON.stringify(first) === JSON.stringify(replaced);
        if (same) return;
        const changes = await store.feed.read(ORG, start, 100);
        const kept = (row: Any): Any | null => (isVolatile ? null : row);
        expect(changes.map((change) => [change.before, change.after])).toEqual([
          [null, first],
          ...(sameRow(first, replaced) ? [] : [[kept(first), replaced]]),
          ...(sameRow(first, replaced) && !isVolatile ? [] : [[kept(replaced), first]]),
          [kept(first), null],
          [null, replaced],
          [kept(replaced), null],
        ]);
        expect(new Set(changes.map((change) => change.kind))).toEqual(new Set([kind]));
        expect(new Set(changes.map((change) => change.key)).size).toBe(1);
      }),
      { numRuns: RUNS },
    );
  });

  const cases = ALL_KINDS.flatMap((kind) => keysOf(kind).map((key) => ({ kind, ...key })));
  test.each(cases)('$kind: $columns is unique in its organization (in all: $global)', async (key) => {
    const { kind, columns, global } = key;
    const { store } = opened;
    const [make] = fc.sample(arbitraryRow(kind, ORG), 1);
    number += 10;
    const agreeing = (row: Any, on: Any): Any =>
      ({ ...row, ...Object.fromEntries(columns.map((name) => [name, Reflect.get(on, name)])) }) as Any;
    const first: Any = make!(number);
    const second = agreeing(make!(number + 1), first);
    const elsewhere = { ...agreeing(make!(number + 2), first), org: OTHER } as Any;
    await audited(store, [ORG], (tx) => tx.insert(kind, first));

    const taken = { code: 'taken', field: columns.at(-1) };
    await expect(audited(store, [ORG], (tx) => tx.insert(kind, second))).rejects.toMatchObject(taken);
    expect(await store.count(kind, ORG, { where: keyWhere(kind, first) })).toBe(1);
    const inOther = audited(store, [OTHER], (tx) => tx.insert(kind, elsewhere));
    if (global) await expect(inOther).rejects.toMatchObject(taken);
    else await inOther;

    // A null is equal to nothing, not even to another null.
    const nullable = columns.find((name) => columnsOfKind(kind)[name]?.nullable === true);
    if (nullable === undefined) return;
    const without = [number + 3, number + 4].map((one) => ({
      ...agreeing(make!(one), first),
      [nullable]: null,
    }));
    await audited(store, [ORG], (tx) => tx.insertAll(kind, without as unknown as Any[]));
  });

  test.each(ALL_KINDS)('a %s of another organization cannot be reached by its key', async (kind) => {
    const { store } = opened;
    const [make] = fc.sample(arbitraryRow(kind, ORG), 1);
    number += 10;
    const row: Any = make!(number);
    const key = anyKey(kind, row);
    const where = keyWhere(kind, row);
    const patch = Object.fromEntries(
      Object.entries(make!(number + 1)).filter(([name]) => !['org', ...entities[kind].key].includes(name)),
    ) as Partial<Any>;
    await audited(store, [ORG], (tx) => tx.insert(kind, row));

    for (const reader of [store, undefined]) {
      const reading = async <T>(read: (from: Reader) => Promise<T>): Promise<T> =>
        reader === undefined ? audited(store, [OTHER], (tx) => read(tx)) : read(reader);
      expect(await reading((from) => from.get(kind, OTHER, key))).toBeUndefined();
      expect(await reading((from) => from.find(kind, OTHER, where))).toEqual([]);
      expect(
        await reading((from) => from.find(kind, OTHER, { ...where, org: ORG } as Where<EntityKind>)),
      ).toEqual([]);
      expect(await reading((from) => from.list(kind, OTHER, { where, limit: 5 }))).toEqual([]);
      expect(
        await reading((from) =>
          from.list(kind, OTHER, { anyOf: [{ column: 'org', operator: '=', value: ORG }], limit: 5 }),
        ),
      ).toEqual([]);
      expect(await reading((from) => from.count(kind, OTHER, { where }))).toBe(0);
    }
    expect(await audited(store, [OTHER], (tx) => tx.remove(kind, OTHER, key))).toBe(false);
    if (Object.keys(patch).length > 0) {
      await expect(audited(store, [OTHER], (tx) => tx.update(kind, OTHER, key, patch))).rejects.toMatchObject(
        {
          code: 'not_found',
        },
      );
    }
    // With the organization's own name, but without having asked for its lock.
    for (const work of unnamed(kind, row, make!(number + 2), key, patch)) {
      await expect(audited(store, [OTHER], work)).rejects.toThrow(`organization ${ORG} was not named`);
    }
    await expect(
      audited(store, [ORG, OTHER], (tx) => tx.update(kind, ORG, key, { org: OTHER } as Partial<Any>)),
    ).rejects.toThrow('never changes');
    expect(await store.get(kind, ORG, key)).toEqual(row);
  });
});

const keyWhere = (kind: EntityKind, row: Any): Where<EntityKind> =>
  Object.fromEntries(
    (entities[kind].key as readonly string[]).map((name) => [name, Reflect.get(row, name)]),
  ) as Where<EntityKind>;

type Work = Parameters<typeof audited>[2];
const unnamed = (
  kind: EntityKind,
  row: Any,
  fresh: Any,
  key: RowKey<EntityKind>,
  patch: Partial<Any>,
): Work[] => [
  (tx) => tx.insert(kind, fresh),
  (tx) => tx.insertAll(kind, [fresh]),
  (tx) => tx.put(kind, row),
  (tx) => tx.update(kind, row.org, key, patch),
  (tx) => tx.remove(kind, row.org, key),
];

const sameRow = (a: Any, b: Any): boolean => {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
};
