/** Single things that rows point at, asked for together. */
import type { PagedKind, ReadableKind } from '../../domain/directory/directory.ts';
import type { Row } from '../../domain/model/entities.ts';
import type { SecurityPolicy } from '../../domain/model/networks.ts';
import type { Context } from './context.ts';

/** The thing with that id, or null. */
export async function loadOne<K extends PagedKind>(
  context: Context,
  kind: K,
  id: number | null,
): Promise<Row<K> | null> {
  if (id === null || id === 0) return null;
  const found = await context.batches.load(`one ${kind}`, id, (ids) =>
    context.services.directory.many(context.actor, kind, ids),
  );
  return found ?? null;
}

/** The rows whose column holds the id. */
export async function loadFacts<K extends ReadableKind>(
  context: Context,
  kind: K,
  column: keyof Row<K> & string,
  id: number | null,
): Promise<readonly Row<K>[]> {
  if (id === null || id === 0) return [];
  const found = await context.batches.load(`facts ${kind} ${column}`, id, async (ids) => {
    const rows = await context.services.directory.facts(context.actor, kind, column, ids);
    // Columns that are asked for in this way hold ids.
    return Map.groupBy(rows, (row) => Number(row[column]));
  });
  return found ?? [];
}

/** The policy of that id, or the organization's default. */
export async function loadPolicy(context: Context, id: number | null): Promise<SecurityPolicy | null> {
  if (id !== null) return loadOne(context, 'securityPolicy', id);
  const found = await context.batches.load('default policy', 0, async () => {
    const { rows } = await context.services.directory.page(context.actor, 'securityPolicy', {
      condition: { column: 'type', operator: '=', value: 'default' },
      limit: 1,
    });
    return new Map(rows.map((row) => [0, row]));
  });
  return found ?? null;
}

/** A required thing: null would void the whole answer, so its absence is an error that says what is missing. */
export async function required<T>(what: string, value: Promise<T | null>): Promise<T> {
  const found = await value;
  if (found === null) throw new Error(`${what} is missing`);
  return found;
}
