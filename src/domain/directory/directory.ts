/**
 * Reading the organization: one way for every dialect to get single things, pages and lists of lists. It reads in the
 * actor's own organization and nowhere else, and asks for the permission that each kind of thing has in one table.
 */
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Permission } from '../access/permissions.ts';
import type { EntityKind, IdentifiedKind, Row } from '../model/entities.ts';
import type { Condition, Relation, Store, Where } from '../ports/store.ts';
import { SHOWN } from './shown.ts';

/** What reading each kind takes. A kind that is not here cannot be read through the directory. */
const READ_PERMISSIONS = {
  membership: 'members:read',
  membershipSeen: 'members:read',
  group: 'groups:read',
  groupMember: 'groups:read',
  groupNetmaker: 'groups:read',
  groupNetworkRole: 'groups:read',
  networkRole: 'groups:read',
  network: 'networks:read',
  networkTwingate: 'networks:read',
  gateway: 'networks:read',
  gatewayTwingate: 'networks:read',
  resource: 'networks:read',
  resourceTwingate: 'networks:read',
  resourceLabel: 'networks:read',
  proxy: 'networks:read',
  certificateAuthority: 'networks:read',
  accessEdge: 'access:read',
  securityPolicy: 'access:read',
  accessRequest: 'access:read',
  serviceAccount: 'service-accounts:read',
  /** Of service accounts only; see `SHOWN`. */
  credential: 'service-accounts:read',
  credentialSeen: 'service-accounts:read',
  device: 'devices:read',
  deviceLive: 'devices:read',
  presence: 'devices:read',
  serialNumber: 'devices:read',
  invitation: 'invitations:read',
  dnsFilterProfile: 'dns:read',
  dnsFilterGroup: 'dns:read',
} as const satisfies Partial<Record<EntityKind, Permission>>;

export type ReadableKind = keyof typeof READ_PERMISSIONS;
export type PagedKind = ReadableKind & IdentifiedKind;

/** A row whose key is its id, which the compiler does not see while the kind is open. */
export type PagedRow<K extends PagedKind> = Row<K> & { readonly id: number };

/** A stretch of a list in order of ids, without the bounds themselves; `fromEnd` takes its last rows. */
export interface PageRequest {
  readonly afterId?: number;
  readonly beforeId?: number;
  readonly fromEnd?: boolean;
  readonly limit: number;
}

export interface PageOf<T> {
  /** In order of ids, also with `fromEnd`. */
  readonly rows: readonly T[];
  /** There are more in the direction of reading, within the bounds. */
  readonly more: boolean;
}

export const EMPTY_PAGE: PageOf<never> = { rows: [], more: false };

/** Ids in one question; more are asked for in several. */
const IDS_PER_QUERY = 5_000;

export interface RelatedRequest<K extends PagedKind> extends PageRequest {
  readonly relation: Relation<K>;
  readonly parents: readonly number[];
  readonly condition?: Condition<K>;
}

export interface Directory {
  one<K extends PagedKind>(actor: Actor, kind: K, id: number): Promise<PagedRow<K> | undefined>;
  /** Those that exist, by their ids. */
  many<K extends PagedKind>(
    actor: Actor,
    kind: K,
    ids: readonly number[],
  ): Promise<ReadonlyMap<number, PagedRow<K>>>;
  /** Rows whose column is one of the values; for facts that hang one to one or few to one on things. */
  facts<K extends ReadableKind>(
    actor: Actor,
    kind: K,
    column: keyof Row<K> & string,
    values: readonly number[],
  ): Promise<Row<K>[]>;
  page<K extends PagedKind>(
    actor: Actor,
    kind: K,
    request: PageRequest & { readonly condition?: Condition<K> },
  ): Promise<PageOf<PagedRow<K>>>;
  count<K extends PagedKind>(actor: Actor, kind: K, condition?: Condition<K>): Promise<number>;
  /** A page for each parent; parents without any row are absent. */
  related<K extends PagedKind>(
    actor: Actor,
    kind: K,
    request: RelatedRequest<K>,
  ): Promise<ReadonlyMap<number, PageOf<PagedRow<K>>>>;
  countRelated<K extends PagedKind>(
    actor: Actor,
    kind: K,
    request: Pick<RelatedRequest<K>, 'relation' | 'parents' | 'condition'>,
  ): Promise<ReadonlyMap<number, number>>;
}

export const chunksOf = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

/** Cuts what was read in reading order, with one row too many, to a page in order of ids. */
export function toPage<T>(read: readonly T[], request: PageRequest): PageOf<T> {
  const rows = read.slice(0, request.limit);
  return { rows: request.fromEnd === true ? rows.reverse() : rows, more: read.length > request.limit };
}

const idIs = (operator: '<' | '>', value: number): { column: 'id'; operator: '<' | '>'; value: number } => ({
  column: 'id',
  operator,
  value,
});

export function createDirectory({ store }: { readonly store: Store }): Directory {
  const allow = (actor: Actor, kind: ReadableKind): number => {
    authorize(actor, READ_PERMISSIONS[kind]);
    return actor.org;
  };
  const shown = <K extends PagedKind>(kind: K, condition?: Condition<K>): Condition<K> => {
    const base = (SHOWN as { readonly [P in PagedKind]?: Condition<P> })[kind];
    // Indexing by K gives the entry of that very kind.
    const parts = [base as Condition<K> | undefined, condition].filter((part) => part !== undefined);
    return { allOf: parts };
  };
  const byIds = async <K extends PagedKind>(
    actor: Actor,
    kind: K,
    ids: readonly number[],
  ): Promise<PagedRow<K>[]> =>
    (await store.list(kind, allow(actor, kind), {
      condition: shown(kind, { column: 'id' as keyof Row<K> & string, operator: 'in', value: ids }),
      limit: ids.length,
    })) as PagedRow<K>[];
  return {
    one: async (actor, kind, id) => (await byIds(actor, kind, [id]))[0],
    many: async (actor, kind, ids) => {
      const found = new Map<number, PagedRow<typeof kind>>();
      for (const chunk of chunksOf([...new Set(ids)], IDS_PER_QUERY)) {
        for (const row of await byIds(actor, kind, chunk)) found.set(row.id, row);
      }
      return found;
    },
    facts: async (actor, kind, column, values) => {
      const org = allow(actor, kind);
      const found: Row<typeof kind>[] = [];
      for (const chunk of chunksOf([...new Set(values)], IDS_PER_QUERY)) {
        const where = { [column]: chunk } as unknown as Where<typeof kind>;
        found.push(...(await store.find(kind, org, where, Number.MAX_SAFE_INTEGER)));
      }
      return found;
    },
    page: async (actor, kind, request) => {
      const org = allow(actor, kind);
      const { condition, afterId, beforeId } = request;
      const bounds = [shown(kind, condition)];
      if (afterId !== undefined) bounds.push(idIs('>', afterId) as Condition<typeof kind>);
      if (beforeId !== undefined) bounds.push(idIs('<', beforeId) as Condition<typeof kind>);
      const rows = await store.list(kind, org, {
        condition: { allOf: bounds },
        orderBy: [{ column: 'id' as keyof Row<typeof kind> & string, descending: request.fromEnd === true }],
        limit: request.limit + 1,
      });
      return toPage(rows as PagedRow<typeof kind>[], request);
    },
    count: (actor, kind, condition) =>
      store.count(kind, allow(actor, kind), { condition: shown(kind, condition) }),
    related: async (actor, kind, request) => {
      const org = allow(actor, kind);
      const { relation, parents, condition, afterId, beforeId, fromEnd, limit } = request;
      const read = new Map<number, PagedRow<typeof kind>[]>();
      for (const chunk of chunksOf([...new Set(parents)], IDS_PER_QUERY)) {
        const found = await store.listRelated(kind, org, {
          relation,
          parents: chunk,
          limit: limit + 1,
          condition: shown(kind, condition),
          ...(afterId === undefined ? {} : { afterId }),
          ...(beforeId === undefined ? {} : { beforeId }),
          ...(fromEnd === undefined ? {} : { descending: fromEnd }),
        });
        for (const { parent, row } of found) {
          const rows = read.get(parent);
          const paged = row as PagedRow<typeof kind>;
          if (rows === undefined) read.set(parent, [paged]);
          else rows.push(paged);
        }
      }
      return new Map([...read].map(([parent, rows]) => [parent, toPage(rows, request)]));
    },
    countRelated: async (actor, kind, { relation, parents, condition }) => {
      const org = allow(actor, kind);
      const counts = new Map<number, number>();
      for (const chunk of chunksOf([...new Set(parents)], IDS_PER_QUERY)) {
        const found = await store.countRelated(kind, org, {
          relation,
          parents: chunk,
          condition: shown(kind, condition),
        });
        for (const [parent, count] of found) counts.set(parent, count);
      }
      return counts;
    },
  };
}
