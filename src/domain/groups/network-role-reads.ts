/** Network roles, and what groups hold of them, for the dialect that shows them. */
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Group, NetworkRole, RoleAccess } from '../model/people.ts';
import type { Reader, Store } from '../ports/store.ts';
import {
  accessOfRank,
  builtInRoleKey,
  NETWORK_RANKS,
  type NetworkRank,
  parseBuiltInRole,
} from './network-access.ts';
import { builtInRoleName } from './network-groups.ts';

export interface HeldRole {
  /** The network's slug, or null: on all networks. */
  readonly network: string | null;
  /** The role's literal id. */
  readonly role: string;
}

export interface ShownRole {
  /** The role's literal id. */
  readonly key: string;
  readonly name: string;
  readonly builtIn: boolean;
  readonly fullAccess: boolean;
  readonly access: RoleAccess;
  /** The network's slug, or null: over all networks. */
  readonly network: string | null;
  readonly metaData: string;
}

export interface NetworkRoleReads {
  /** Those that were made, and the built-in ones of every network. Requires `groups:read`. */
  all(actor: Actor): Promise<readonly ShownRole[]>;
  /** Errors: `not_found`. */
  one(actor: Actor, key: string): Promise<ShownRole>;
  /** Roles of each group. Whoever has no `groups:read` is told of the groups that he is in. */
  ofGroups(actor: Actor, groups: readonly Group[]): Promise<ReadonlyMap<number, readonly HeldRole[]>>;
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;

const builtIn = (slug: string | null, rank: NetworkRank): ShownRole => ({
  key: builtInRoleKey(slug, rank),
  name: builtInRoleName(slug, rank),
  builtIn: true,
  fullAccess: rank === 'admin',
  access: accessOfRank(rank),
  network: slug,
  metaData: '',
});

/** What groups hold. Whether the actor may know is the caller's to ask. */
export async function heldRolesOf(
  reader: Pick<Reader, 'find'>,
  org: number,
  ids: readonly number[],
): Promise<ReadonlyMap<number, readonly HeldRole[]>> {
  const held = await reader.find('groupNetworkRole', org, { group: ids }, UNBOUNDED);
  const roles = await reader.find(
    'networkRole',
    org,
    { id: held.map(({ networkRole }) => networkRole) },
    UNBOUNDED,
  );
  const networks = await reader.find('network', org, { id: held.map(({ network }) => network) }, UNBOUNDED);
  const keys = new Map(roles.map(({ id, key }) => [id, key]));
  const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
  const byGroup = Map.groupBy(held, ({ group }) => group);
  return new Map(
    ids.map((id) => [
      id,
      (byGroup.get(id) ?? []).flatMap(({ network, networkRole }): HeldRole[] => {
        const role = keys.get(networkRole);
        const slug = network === 0 ? null : slugs.get(network);
        return role !== undefined && slug !== undefined ? [{ network: slug, role }] : [];
      }),
    ]),
  );
}

export function createNetworkRoleReads({ store }: { readonly store: Store }): NetworkRoleReads {
  const isIn = async (actor: Actor, ids: readonly number[]): Promise<boolean> => {
    if (actor.kind !== 'member') return false;
    const links = await store.find('groupMember', actor.org, { membership: actor.membership, group: ids });
    return new Set(links.map(({ group }) => group)).size === new Set(ids).size;
  };
  const shown = async (org: number, roles: readonly NetworkRole[]): Promise<ShownRole[]> => {
    const networks = await store.find(
      'network',
      org,
      { id: roles.flatMap(({ network }) => network ?? []) },
      UNBOUNDED,
    );
    const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
    const notes = await store.find(
      'networkRoleNetmaker',
      org,
      { networkRole: roles.map(({ id }) => id) },
      UNBOUNDED,
    );
    const metaData = new Map(notes.map((note) => [note.networkRole, note.metaData]));
    return roles.map((role) => ({
      key: role.key,
      name: role.name,
      builtIn: role.builtIn,
      fullAccess: role.fullAccess,
      access: role.access,
      network: role.network === null ? null : (slugs.get(role.network) ?? null),
      metaData: metaData.get(role.id) ?? '',
    }));
  };

  return {
    all: async (actor) => {
      authorize(actor, 'groups:read');
      const { org } = actor;
      const networks = await store.list('network', org, {
        orderBy: [{ column: 'slug' }],
        limit: UNBOUNDED,
      });
      const places = [null, ...networks.map(({ slug }) => slug)];
      const made = await store.find('networkRole', org, { builtIn: false }, UNBOUNDED);
      return [
        ...places.flatMap((slug) => NETWORK_RANKS.map((rank) => builtIn(slug, rank))),
        ...(await shown(org, made)),
      ];
    },
    one: async (actor, key) => {
      authorize(actor, 'groups:read');
      const { org } = actor;
      const parsed = parseBuiltInRole(key);
      if (parsed !== undefined) {
        const { slug, rank } = parsed;
        const known = slug === null || (await store.find('network', org, { slug }, 1)).length > 0;
        if (!known) throw notFound('role');
        return builtIn(slug, rank);
      }
      const [role] = await shown(org, await store.find('networkRole', org, { key, builtIn: false }, 1));
      if (role === undefined) throw notFound('role');
      return role;
    },
    ofGroups: async (actor, groups) => {
      const ids = groups.map(({ id }) => id);
      if (ids.length === 0) return new Map();
      if (!actor.permissions.has('groups:read') && !(await isIn(actor, ids))) authorize(actor, 'groups:read');
      return heldRolesOf(store, actor.org, ids);
    },
  };
}
