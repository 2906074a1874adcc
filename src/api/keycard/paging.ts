/** Pages in both directions, in order of creation. */
import type { PageOf, PageRequest } from '../../domain/directory/directory.ts';
import { encodeCursor, type PageParameters } from './query.ts';

export interface PageInfo {
  readonly has_next_page: boolean;
  readonly has_prev_page: boolean;
  /** The name of the same in the rest of the vendor's API and in its Terraform provider. */
  readonly has_previous_page: boolean;
  readonly start_cursor?: string;
  readonly end_cursor?: string;
}

export interface Listed<T> {
  readonly rows: readonly T[];
  readonly pageInfo: PageInfo;
}

/** After a bound forward, before a bound backward; between both bounds forward. */
export async function listPage<T extends { readonly id: number }>(
  { afterId, beforeId, limit }: PageParameters,
  read: (request: PageRequest) => Promise<PageOf<T>>,
): Promise<Listed<T>> {
  const fromEnd = beforeId !== undefined && afterId === undefined;
  const page = await read({
    ...(afterId === undefined ? {} : { afterId }),
    ...(beforeId === undefined ? {} : { beforeId }),
    fromEnd,
    limit,
  });
  const any = async (request: Omit<PageRequest, 'limit'>): Promise<boolean> =>
    (await read({ ...request, limit: 1 })).rows.length > 0;
  const next = (!fromEnd && page.more) || (beforeId !== undefined && (await any({ afterId: beforeId - 1 })));
  const previous =
    (fromEnd && page.more) || (afterId !== undefined && (await any({ beforeId: afterId + 1 })));
  const [first, last] = [page.rows[0], page.rows.at(-1)];
  return {
    rows: page.rows,
    pageInfo: {
      has_next_page: next,
      has_prev_page: previous,
      has_previous_page: previous,
      ...(first === undefined ? {} : { start_cursor: encodeCursor(first.id) }),
      ...(last === undefined ? {} : { end_cursor: encodeCursor(last.id) }),
    },
  };
}
