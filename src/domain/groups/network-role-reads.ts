/** The network roles that groups hold, for the dialect that shows them. */
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Group, NetworkRole } from '../model/people.ts';
import type { Store } from '../ports/store.ts';

export interface HeldRole {
  /** The network's slug, or null: on all networks. */
  readonly network: string | null;
  /** The role's literal id. */
  readonly role: string;
}

export interface NetworkRoleReads {
  /** All network roles with the slug of their network, or null for all networks. Requires `members:read`. */
  all(actor: Actor): Promise<readonly { readonly role: NetworkRole; readonly network: string | null }[]>;
  /** Roles of each group. Whoever has no `groups:read` is told of the groups that he is in. */
  ofGroups(actor: Actor, groups: readonly Group[]): Promise<ReadonlyMap<number, readonly HeldRole[]>>;
}

const UNBOUNDED = Number.MAX_SAFE_INTEGER;

export function createNetworkRoleReads({ store }: { readonly store: Store }): NetworkRoleReads {
  const isIn = async (actor: Actor, ids: readonly number[]): Promise<boolean> => {
    if (actor.kind !== 'member') return false;
    const links = await store.find('groupMember', actor.org, { membership: actor.membership, group: ids });
    return new Set(links.map(({ group }) => group)).size === new Set(ids).size;
  };
  return {
    all: async (actor) => {
      authorize(actor, 'members:read');
      const roles = await store.find('networkRole', actor.org, {});
      const networks = await store.find('network', actor.org, {
        id: roles.flatMap(({ network }) => network ?? []),
      });
      const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
      return roles.map((role) => ({
        role,
        network: role.network === null ? null : (slugs.get(role.network) ?? null),
      }));
    },
    ofGroups: async (actor, groups) => {
      const ids = groups.map(({ id }) => id);
      if (ids.length === 0) return new Map();
      if (!actor.permissions.has('groups:read') && !(await isIn(actor, ids))) authorize(actor, 'groups:read');
      const { org } = actor;
      const held = await store.find('groupNetworkRole', org, { group: ids }, UNBOUNDED);
      const roles = await store.find(
        'networkRole',
        org,
        { id: held.map(({ networkRole }) => networkRole) },
        UNBOUNDED,
      );
      const networks = await store.find(
        'network',
        org,
        { id: held.map(({ network }) => network) },
        UNBOUNDED,
      );
      const keys = new Map(roles.map(({ id, key }) => [id, key]));
      const slugs = new Map(networks.map(({ id, slug }) => [id, slug]));
      return new Map(
        ids.map((id) => [
          id,
          held.flatMap(({ group, network, networkRole }): HeldRole[] => {
            const role = keys.get(networkRole);
            const slug = network === 0 ? null : slugs.get(network);
            return group === id && role !== undefined && slug !== undefined ? [{ network: slug, role }] : [];
          }),
        ]),
      );
    },
  };
}
