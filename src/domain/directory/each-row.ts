/** Rows whose number nothing bounds, for writes that must reach every one of them. */
import { type EntityKind, entities, type Row } from '../model/entities.ts';
import type { ListOptions, Reader, RowKey, Tx, Where } from '../ports/store.ts';

const PAGE = 1_000;

const keyColumns = (kind: EntityKind): readonly string[] => entities[kind].key;

/** All that match, in the order of their key and a page at a time. The loop may change or remove what it is given. */
export async function* eachRow<K extends EntityKind>(
  reader: Pick<Reader, 'list'>,
  kind: K,
  org: number,
  where: Where<K>,
): AsyncGenerator<Row<K>, void, undefined> {
  const few = Object.keys(where).length > 0;
  let after: ListOptions<K>['after'];
  for (;;) {
    const rows = await reader.list(kind, org, {
      where,
      ...(after === undefined ? {} : { after }),
      limit: PAGE,
      few,
    });
    yield* rows;
    const last: Readonly<Record<string, unknown>> | undefined = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = keyColumns(kind).map((name) => last[name] as string | number);
  }
}

/** The rows themselves; what hangs on them is the caller's. */
export async function removeEach<K extends EntityKind>(
  tx: Tx,
  kind: K,
  org: number,
  where: Where<K>,
): Promise<void> {
  for await (const row of eachRow(tx, kind, org, where)) await tx.remove(kind, org, keyOf(kind, row));
}

function keyOf<K extends EntityKind>(kind: K, row: Row<K>): RowKey<K> {
  const names = keyColumns(kind);
  const values: Readonly<Record<string, unknown>> = row;
  const key =
    names.length === 1 && names[0] === 'id'
      ? values.id
      : Object.fromEntries(names.map((name) => [name, values[name]]));
  // The declaration names the columns of the key, and the row has them.
  return key as RowKey<K>;
}
