/** Connections whose rows the directory relates to their parents. */
import type { PagedKind, PagedRow } from '../../domain/directory/directory.ts';
import type { Condition, Relation } from '../../domain/ports/store.ts';
import { type ConnectionResult, connectionOf, relatedConnection } from './connection.ts';
import type { Args, Context } from './context.ts';

export interface DirectRelated<K extends PagedKind> {
  /** Type and field, which name the batch. */
  readonly name: string;
  readonly kind: K;
  readonly relation: Relation<K>;
}

export function directConnection<K extends PagedKind>(
  { name, kind, relation }: DirectRelated<K>,
  args: Args,
  context: Context,
  parent: { readonly id: number },
  condition?: Condition<K>,
): Promise<ConnectionResult<PagedRow<K>>> {
  const { directory } = context.services;
  const narrowed = condition === undefined ? {} : { condition };
  const idsOf = (parents: readonly { readonly id: number }[]): number[] => parents.map(({ id }) => id);
  return relatedConnection(name, args, context, parent, {
    pages: (parents, request) =>
      directory.related(context.actor, kind, {
        relation,
        parents: idsOf(parents),
        ...narrowed,
        ...request,
      }),
    counts: (parents) =>
      directory.countRelated(context.actor, kind, { relation, parents: idsOf(parents), ...narrowed }),
  });
}

/** A connection over all of a kind. */
export function rootConnection<K extends PagedKind>(
  kind: K,
  args: Args,
  context: Context,
  condition?: Condition<K>,
): Promise<ConnectionResult<PagedRow<K>>> {
  const { directory } = context.services;
  return connectionOf(args, context, {
    page: (request) =>
      directory.page(context.actor, kind, { ...request, ...(condition === undefined ? {} : { condition }) }),
    count: () => directory.count(context.actor, kind, condition),
  });
}
