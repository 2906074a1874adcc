/** Rows whose number nothing bounds, for writes that must reach every one of them. */
import { type EntityKind, entities, type Row } from '../model/entities.ts';
import type { ListOptions, Reader, Where } from '../ports/store.ts';

const PAGE = 1_000;

/** All that match, in the order of their key and a page at a time. The loop may change or remove what it is given. */
export async function* eachRow<K extends EntityKind>(
  reader: Pick<Reader, 'list'>,
  kind: K,
  org: number,
  where: Where<K>,
): AsyncGenerator<Row<K>, void, undefined> {
  const key: readonly (keyof Row<K>)[] = entities[kind].key as readonly (keyof Row<K>)[];
  let after: ListOptions<K>['after'];
  for (;;) {
    const rows = await reader.list(kind, org, {
      where,
      ...(after === undefined ? {} : { after }),
      limit: PAGE,
      few: true,
    });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = key.map((name) => last[name] as string | number);
  }
}
