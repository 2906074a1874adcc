/** Networks for dialects that know them by their slug. */
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import type { NetworkPermissions } from '../groups/network-permissions.ts';
import type { Network } from '../model/networks.ts';
import type { Store } from '../ports/store.ts';
import { reachOf } from './network-reach.ts';

export interface NetworkReads {
  /**
   * All, ordered by slug; to whoever may not read networks, those in which something is open to them and those that their
   * groups hold a role on.
   */
  list(actor: Actor): Promise<readonly Network[]>;
  /** Of those the ones in which something is open to them. */
  open(actor: Actor): Promise<readonly Network[]>;
  /** Errors: `not_found`, also where `list` would not show it. */
  bySlug(actor: Actor, slug: string): Promise<Network>;
}

const MAX_NETWORKS = 10_000;

const networkMissing = (): AppError => new AppError('not_found', 'network not found');

export function createNetworkReads({
  store,
  clock,
  permissions,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly permissions: NetworkPermissions;
}): NetworkReads {
  /** In which networks something is open to somebody. */
  const opening = async (actor: Actor): Promise<(network: number) => boolean> => {
    if (actor.permissions.has('networks:read')) return () => true;
    if (actor.kind !== 'member') return () => false;
    const member = await store.get('membership', actor.org, actor.membership);
    if (member === undefined) return () => false;
    return (await reachOf(store, member, clock.now())).reaches;
  };
  /** Which networks somebody may know of. */
  const visibility = async (actor: Actor): Promise<(network: number) => boolean> => {
    const isOpen = await opening(actor);
    const held = await permissions.networksOf(actor);
    return (network) => held === 'all' || held.has(network) || isOpen(network);
  };
  const those = async (actor: Actor, isShown: (network: number) => boolean): Promise<Network[]> => {
    const networks = await store.find('network', actor.org, {}, MAX_NETWORKS);
    return networks.filter(({ id }) => isShown(id)).sort((a, b) => (a.slug < b.slug ? -1 : 1));
  };
  return {
    list: async (actor) => those(actor, await visibility(actor)),
    open: async (actor) => those(actor, await opening(actor)),
    bySlug: async (actor, slug) => {
      const [network] = await store.find('network', actor.org, { slug }, 1);
      if (network === undefined || !(await visibility(actor))(network.id)) throw networkMissing();
      return network;
    },
  };
}
