/** Groups as a dialect names them that knows one id for those of people and a literal name for those of the system. */
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { SHOWN } from '../directory/shown.ts';
import type { Group } from '../model/people.ts';
import { type Condition, exists, type Store } from '../ports/store.ts';
import { isEveryone } from './group-reads.ts';
import { builtInRoleKey, NETWORK_RANKS, networkGroupKey, parseNetworkGroup } from './network-access.ts';
import { type GroupRef, networkGroupName } from './network-groups.ts';
import type { HeldRole, NetworkRoleReads } from './network-role-reads.ts';

export interface ShownGroup {
  /** The group's id, or the literal name of one of the system. */
  readonly ref: GroupRef;
  /** With its key behind it where another group has the name as well. */
  readonly name: string;
  readonly kind: Group['kind'];
  readonly originId: string | null;
  readonly colorCode: string;
  readonly metaData: string;
  readonly roles: readonly HeldRole[];
  readonly byName: string;
  /** Null for groups that nothing has been put into yet. */
  readonly createdAt: number | null;
  readonly updatedAt: number | null;
}

export interface GroupLookup {
  /** All that are shown: those that were made in order of their ids, then what every network has. */
  shown(actor: Actor): Promise<readonly ShownGroup[]>;
  /** One by its id or literal name. Errors: `not_found`. */
  one(actor: Actor, ref: GroupRef): Promise<ShownGroup>;
  /** Rows as they are shown. Whoever has no `groups:read` may ask for the groups that he is in. */
  describe(actor: Actor, groups: readonly Group[]): Promise<ShownGroup[]>;
  /** Those that have a role on the network (a slug) or on all. Requires `groups:read`. Errors: `not_found`. */
  ofNetwork(actor: Actor, slug: string): Promise<readonly ShownGroup[]>;
  /**
   * Those that exist, by the names they were asked for. `Everyone` is nobody's to be put into, and who administrates all
   * networks is so by what he is.
   */
  refs(
    actor: Actor,
    wanted: readonly { readonly name: string; readonly id: number | undefined }[],
  ): Promise<ReadonlyMap<string, GroupRef>>;
}

const MAX_GROUPS = 10_000;

/** Administrators are in it by what they are. */
const DERIVED = networkGroupKey(null, 'admin');

/** A group that every network has, while it is no row. */
function virtual(slug: string | null, rank: (typeof NETWORK_RANKS)[number]): ShownGroup {
  return {
    ref: networkGroupKey(slug, rank),
    name: networkGroupName(slug, rank),
    kind: 'system',
    originId: null,
    colorCode: '',
    metaData: '',
    roles: [{ network: slug, role: builtInRoleKey(slug, rank) }],
    byName: '',
    createdAt: null,
    updatedAt: null,
  };
}

export function createGroupLookup({
  store,
  networkRoles,
}: {
  readonly store: Store;
  readonly networkRoles: Pick<NetworkRoleReads, 'ofGroups'>;
}): GroupLookup {
  const describe: GroupLookup['describe'] = async (actor, groups) => {
    const { org } = actor;
    // Before anything is read: it asks whether the actor may.
    const roles = await networkRoles.ofGroups(actor, groups);
    const looks = await store.find('groupNetmaker', org, { group: groups.map(({ id }) => id) }, MAX_GROUPS);
    const look = new Map(looks.map((one) => [one.group, one]));
    const names = groups.map(({ name }) => name);
    const alike = Map.groupBy(
      await store.find('group', org, { name: names }, MAX_GROUPS),
      ({ name }) => name,
    );
    return groups.map((group) => ({
      ref: group.kind === 'system' && group.systemKey !== null ? group.systemKey : group.id,
      name: (alike.get(group.name)?.length ?? 0) > 1 ? `${group.name} (${group.key})` : group.name,
      kind: group.kind,
      originId: group.originId,
      colorCode: look.get(group.id)?.colorCode ?? '',
      metaData: look.get(group.id)?.metaData ?? '',
      roles: roles.get(group.id) ?? [],
      byName: group.byName,
      createdAt: group.createdAt,
      updatedAt: group.updatedAt,
    }));
  };
  const knownNetwork = async (org: number, slug: string | null): Promise<boolean> =>
    slug === null || (await store.find('network', org, { slug }, 1)).length > 0;
  const stored = (org: number, condition?: Condition<'group'>): Promise<Group[]> => {
    const conditions = [SHOWN.group, condition].filter((one) => one !== undefined);
    return store.list('group', org, { condition: { allOf: conditions }, limit: MAX_GROUPS });
  };

  return {
    describe,
    shown: async (actor) => {
      authorize(actor, 'groups:read');
      const { org } = actor;
      const made = await describe(actor, await stored(org));
      const networks = await store.list('network', org, { orderBy: [{ column: 'slug' }], limit: MAX_GROUPS });
      const known = new Set(made.map(({ ref }) => ref));
      const all = [null, ...networks.map(({ slug }) => slug)].flatMap((slug) =>
        NETWORK_RANKS.map((rank) => virtual(slug, rank)),
      );
      return [...made, ...all.filter(({ ref }) => !known.has(ref))];
    },
    one: async (actor, ref) => {
      authorize(actor, 'groups:read');
      const { org } = actor;
      const [row] = await stored(org, {
        column: typeof ref === 'number' ? 'id' : 'systemKey',
        operator: '=',
        value: ref,
      });
      const [group] = row === undefined ? [] : await describe(actor, [row]);
      if (group !== undefined) return group;
      const parsed = typeof ref === 'string' ? parseNetworkGroup(ref) : undefined;
      if (parsed === undefined || !(await knownNetwork(org, parsed.slug))) throw notFound('group');
      return virtual(parsed.slug, parsed.rank);
    },
    ofNetwork: async (actor, slug) => {
      authorize(actor, 'groups:read');
      const { org } = actor;
      const [network] = await store.find('network', org, { slug }, 1);
      if (network === undefined) throw notFound('network');
      const holds = exists<'group', 'groupNetworkRole'>(
        'groupNetworkRole',
        { group: 'id' },
        { column: 'network', operator: 'in', value: [0, network.id] },
      );
      const made = await describe(actor, await stored(org, holds));
      const known = new Set(made.map(({ ref }) => ref));
      const all = [null, slug].flatMap((place) => NETWORK_RANKS.map((rank) => virtual(place, rank)));
      return [...made, ...all.filter(({ ref }) => !known.has(ref))];
    },
    refs: async (actor, wanted) => {
      const { org } = actor;
      const ids = wanted.flatMap(({ id }) => id ?? []);
      const keys = wanted.flatMap(({ id, name }) => (id === undefined ? [name] : []));
      const found = [
        ...(await store.find('group', org, { id: ids })),
        ...(await store.find('group', org, { systemKey: keys })),
      ].filter((group) => !isEveryone(group) && group.systemKey !== DERIVED);
      const byId = new Set(found.map(({ id }) => id));
      const byKey = new Map(found.map((group) => [group.systemKey, group.id]));
      const refs = new Map<string, GroupRef>();
      for (const { name, id } of wanted) {
        if (id !== undefined) {
          if (byId.has(id)) refs.set(name, id);
          continue;
        }
        const present = byKey.get(name);
        const parsed = present === undefined && name !== DERIVED ? parseNetworkGroup(name) : undefined;
        if (present !== undefined) refs.set(name, present);
        else if (parsed !== undefined && (await knownNetwork(org, parsed.slug))) refs.set(name, name);
      }
      return refs;
    },
  };
}
