/** Relay connections over pages in order of ids. Nothing is asked of the store that the document does not select. */

import { EMPTY_PAGE, type PageOf, type PageRequest } from '../../domain/directory/directory.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Args, Context } from './context.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

/** Rows of a connection that says nothing about its size. */
export const DEFAULT_PAGE = 100;
export const MAX_PAGE = 1_000;

export interface PagedSource<T extends { readonly id: number }> {
  page(request: PageRequest): Promise<PageOf<T>>;
  count(): Promise<number>;
}

export interface ConnectionResult<T> {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly pageInfo: {
    readonly hasNextPage: () => Promise<boolean> | boolean;
    readonly hasPreviousPage: () => Promise<boolean> | boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: () => Promise<number>;
}

function size(args: Args, name: 'first' | 'last'): number | undefined {
  const value = args[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || value < 0 || value > MAX_PAGE) {
    throw invalid(`Argument '${name}' must be between 0 and ${MAX_PAGE}`, name);
  }
  return value;
}

export async function connectionOf<T extends { readonly id: number }>(
  args: Args,
  { spend }: Pick<Context, 'spend'>,
  source: PagedSource<T>,
): Promise<ConnectionResult<T>> {
  const first = size(args, 'first');
  const last = size(args, 'last');
  const afterId = decodeCursor(args.after);
  const beforeId = decodeCursor(args.before);
  const fromEnd = first === undefined && last !== undefined;
  const bounds = {
    ...(afterId === undefined ? {} : { afterId }),
    ...(beforeId === undefined ? {} : { beforeId }),
  };
  const page = await source.page({ ...bounds, fromEnd, limit: first ?? last ?? DEFAULT_PAGE });
  // Both sizes: the first so many of the list, and the last so many of those.
  const cut = first !== undefined && last !== undefined ? Math.max(0, page.rows.length - last) : 0;
  const rows = page.rows.slice(cut);
  spend(rows.length);
  const any = async (request: Omit<PageRequest, 'limit'>): Promise<boolean> =>
    (await source.page({ ...request, limit: 1 })).rows.length > 0;
  const moreBefore = (): Promise<boolean> | boolean =>
    afterId === undefined ? false : any({ beforeId: afterId + 1 });
  const moreAfter = (): Promise<boolean> | boolean =>
    beforeId === undefined ? false : any({ afterId: beforeId - 1 });
  return {
    edges: rows.map((node) => ({ cursor: encodeCursor(node.id), node })),
    pageInfo: {
      hasNextPage: () => (!fromEnd && page.more) || moreAfter(),
      hasPreviousPage: () => (fromEnd && page.more) || cut > 0 || moreBefore(),
      startCursor: rows[0] === undefined ? null : encodeCursor(rows[0].id),
      endCursor: rows.at(-1) === undefined ? null : encodeCursor(rows.at(-1)?.id ?? 0),
    },
    totalCount: () => source.count(),
  };
}

/** The connection of one of many parents: their pages are asked for together. `name` tells the field. */
export function relatedConnection<P extends { readonly id: number }, T extends { readonly id: number }>(
  name: string,
  args: Args,
  context: Context,
  parent: P,
  reads: {
    readonly pages: (parents: readonly P[], request: PageRequest) => Promise<ReadonlyMap<number, PageOf<T>>>;
    readonly counts: (parents: readonly P[]) => Promise<ReadonlyMap<number, number>>;
  },
): Promise<ConnectionResult<T>> {
  const filter = JSON.stringify(args.filter ?? null);
  const byParent = async <V>(
    parents: readonly P[],
    answers: Promise<ReadonlyMap<number, V>>,
  ): Promise<ReadonlyMap<P, V>> => {
    const known = await answers;
    return new Map(
      parents.flatMap((one) => {
        const value = known.get(one.id);
        return value === undefined ? [] : [[one, value] as const];
      }),
    );
  };
  return connectionOf(args, context, {
    page: async (request) =>
      (await context.batches.load(`${name} ${filter} ${JSON.stringify(request)}`, parent, (parents) =>
        byParent(parents, reads.pages(parents, request)),
      )) ?? EMPTY_PAGE,
    count: async () =>
      (await context.batches.load(`${name} ${filter} count`, parent, (parents) =>
        byParent(parents, reads.counts(parents)),
      )) ?? 0,
  });
}
