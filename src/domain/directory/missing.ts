/** Things that a write names and that are not there: told with their kind and id, for dialects that say which. */
import { AppError } from '../../kernel/errors.ts';
import type { IdentifiedKind, Row } from '../model/entities.ts';
import type { Reader, Where } from '../ports/store.ts';

export interface MissingDetails {
  readonly kind: IdentifiedKind;
  readonly id: number;
}

export const missing = (kind: IdentifiedKind, id: number): AppError =>
  new AppError('not_found', `${kind} not found`, { details: { kind, id } satisfies MissingDetails });

export async function requireRow<K extends IdentifiedKind>(
  reader: Pick<Reader, 'find'>,
  kind: K,
  org: number,
  id: number,
): Promise<Row<K>> {
  // The ids of these kinds are their whole key.
  const [row] = await reader.find(kind, org, { id } as unknown as Where<K>, 1);
  if (row === undefined) throw missing(kind, id);
  return row;
}

const MAX_IDS = 10_000;

/** All of them, or `not_found` for the first that is not there. Errors: `too_large`. */
export async function requireRows<K extends IdentifiedKind>(
  reader: Pick<Reader, 'find'>,
  kind: K,
  org: number,
  ids: readonly number[],
): Promise<Row<K>[]> {
  const wanted = [...new Set(ids)];
  if (wanted.length > MAX_IDS) throw new AppError('too_large', `more than ${MAX_IDS} ids at once`);
  const rows = await reader.find(kind, org, { id: wanted } as unknown as Where<K>, MAX_IDS);
  const found = new Set(rows.map((row) => Number(row.id)));
  const absent = wanted.find((id) => !found.has(id));
  if (absent !== undefined) throw missing(kind, absent);
  return rows;
}

/** A list as it is to be: replaced whole, or changed by what comes and goes. */
export interface ListChange {
  readonly set?: readonly number[];
  readonly add?: readonly number[];
  readonly remove?: readonly number[];
}

/** What must be added to `present` and removed from it. */
export function changesOf(
  present: readonly number[],
  { set, add = [], remove = [] }: ListChange,
): { readonly added: readonly number[]; readonly removed: readonly number[] } {
  const had = new Set(present);
  const gone = new Set(remove);
  const wanted = new Set([...(set ?? present), ...add].filter((id) => !gone.has(id)));
  return {
    added: [...wanted].filter((id) => !had.has(id)),
    removed: [...had].filter((id) => !wanted.has(id)),
  };
}
