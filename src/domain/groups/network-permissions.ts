/**
 * What somebody may do to the things of one network: what their role in the organization allows anyway, and what the
 * network roles of their groups add there, on that network or on all.
 */
import type { Actor } from '../access/actor.ts';
import { decide, type Requirement } from '../access/authorize.ts';
import type { NetworkRole, NetworkThing } from '../model/people.ts';
import type { Store } from '../ports/store.ts';
import { EVERY, type NetworkVerb, reachOf } from './network-access.ts';
import { ALL_NETWORKS } from './network-groups.ts';

export type Reach = 'all' | 'own';

export interface NetworkPermissions {
  /**
   * How far the actor reaches over a thing (`*`: over the kind as such); undefined: not at all.
   * @param anyway what of the organization's permissions allows it on every network
   */
  reach(
    actor: Actor,
    network: number,
    what: { readonly thing: NetworkThing; readonly id?: string; readonly verb: NetworkVerb },
    anyway: Requirement,
  ): Promise<Reach | undefined>;
  /**
   * The networks on which the actor's groups hold a role, of them those on which it reaches over everybody's things of a
   * kind if one is given; `all`: every network.
   */
  networksOf(
    actor: Actor,
    what?: { readonly thing: NetworkThing; readonly verb: NetworkVerb },
  ): Promise<'all' | ReadonlySet<number>>;
}

const MAX_HELD = 100_000;

export function createNetworkPermissions({ store }: { readonly store: Store }): NetworkPermissions {
  /** Roles by network; those on all networks are under `ALL_NETWORKS`. */
  const held = async (actor: Actor): Promise<ReadonlyMap<number, readonly NetworkRole[]>> => {
    // A credential that was narrowed holds nothing that the scopes have no word for.
    if (actor.kind !== 'member' || actor.credential?.scopes.includes('all') === false) return new Map();
    const { org } = actor;
    const places = await store.find('groupMember', org, { membership: actor.membership }, MAX_HELD);
    const ids = places.map(({ group }) => group);
    if (ids.length === 0) return new Map();
    const groups = await store.find('group', org, { id: ids, active: true }, MAX_HELD);
    const links = await store.find('groupNetworkRole', org, { group: groups.map(({ id }) => id) }, MAX_HELD);
    const found = await store.find(
      'networkRole',
      org,
      { id: links.map((link) => link.networkRole) },
      MAX_HELD,
    );
    const roles = new Map(found.map((role) => [role.id, role]));
    const byNetwork = new Map<number, NetworkRole[]>();
    for (const { network, networkRole } of links) {
      const role = roles.get(networkRole);
      if (role !== undefined) byNetwork.set(network, [...(byNetwork.get(network) ?? []), role]);
    }
    return byNetwork;
  };

  return {
    reach: async (actor, network, { thing, id = EVERY, verb }, anyway) => {
      if (decide(actor, anyway) === undefined) return 'all';
      const roles = await held(actor);
      const here = [...(roles.get(ALL_NETWORKS) ?? []), ...(roles.get(network) ?? [])];
      const reaches = here.map((role) => reachOf(role, thing, id, verb));
      if (reaches.includes('all')) return 'all';
      return reaches.includes('own') ? 'own' : undefined;
    },
    networksOf: async (actor, what) => {
      const roles = await held(actor);
      const fits = (role: NetworkRole): boolean =>
        what === undefined || reachOf(role, what.thing, EVERY, what.verb) === 'all';
      const networks = [...roles].filter(([, here]) => here.some(fits)).map(([network]) => network);
      return networks.includes(ALL_NETWORKS) ? 'all' : new Set(networks);
    },
  };
}
