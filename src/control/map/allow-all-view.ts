/** The view of a network whose policy lets everything reach everything: one class of viewers, one filter. */
import { isEffective, isExitPrefix } from '../../domain/devices/routes.ts';
import type { DeviceFacts, Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { CapMap, FilterRule } from '../wire/index.ts';
import { addressPrefixes } from './device-render.ts';
import type { NetworkView, OwnView, PeerView, ViewEffects, ViewerClass } from './network-view.ts';

const EVERYBODY: ViewerClass = { class: 'everybody' };
/** Devices that wait for approval, are blocked, or whose owner is suspended. */
const NOBODY: ViewerClass = { class: 'nobody' };

const ANY_PORT = { First: 0, Last: 65_535 };
const ALLOW_ALL: readonly FilterRule[] = [{ SrcIPs: ['*'], DstPorts: [{ IP: '*', Ports: ANY_PORT }] }];
const CLOSED: readonly FilterRule[] = [];

/** What every device may do by itself: send files to the others of its owner. */
export const BASE_CAPABILITIES: CapMap = { 'https://tailscale.com/cap/file-sharing': [] };

const NO_EFFECTS: ViewEffects = { classes: new Set(), peers: new Set(), own: new Set() };

/** Whether a device takes part in the network at all. */
export function takesPart(snapshot: Snapshot, facts: DeviceFacts): boolean {
  const { device } = facts;
  if (device.authorizedAt === null || device.blockedAt !== null) return false;
  if (device.ownerKind !== 'membership') return true;
  const owner = snapshot.memberships.get(device.owner);
  return owner !== undefined && owner.suspendedAt === null;
}

/** The prefixes that a device carries now: elected subnet routes, and exit routes. */
export function carriedRoutes(
  snapshot: Snapshot,
  facts: DeviceFacts,
): { subnets: string[]; exits: string[] } {
  const subnets: string[] = [];
  const exits: string[] = [];
  for (const route of facts.routes.values()) {
    if (!isEffective(route)) continue;
    if (isExitPrefix(route.prefix)) exits.push(route.prefix);
    else if (snapshot.primaries.get(`0/${route.prefix}`)?.device === facts.device.id)
      subnets.push(route.prefix);
  }
  return { subnets: subnets.sort(), exits: exits.sort() };
}

export interface UpdatableView extends NetworkView {
  /** The facts of these devices changed in the snapshot. */
  update(touched: ReadonlySet<number>): ViewEffects;
}

export function createAllowAllView(snapshot: Snapshot): UpdatableView {
  let visible: number[] | undefined;
  const views = new Map<number, PeerView>();
  const owns = new Map<number, OwnView>();

  const makeView = (facts: DeviceFacts): PeerView => {
    const { subnets, exits } = carriedRoutes(snapshot, facts);
    return {
      allowedIPs: [...addressPrefixes(facts), ...subnets, ...exits],
      primaryRoutes: subnets,
      capMap: exits.length > 0 ? { 'suggest-exit-node': [] } : undefined,
    };
  };
  const same = (a: PeerView, b: PeerView): boolean =>
    a.allowedIPs.join() === b.allowedIPs.join() && a.primaryRoutes.join() === b.primaryRoutes.join();
  const active = (id: number): DeviceFacts | undefined => {
    const facts = snapshot.devices.get(id);
    return facts !== undefined && takesPart(snapshot, facts) ? facts : undefined;
  };

  return {
    classOf: (id) => (active(id) === undefined ? NOBODY : EVERYBODY),
    visible: (viewers) => {
      if (viewers === NOBODY) return [];
      visible ??= [...snapshot.devices.keys()].filter((id) => active(id) !== undefined).sort((a, b) => a - b);
      return visible;
    },
    peer: (viewers, id) => {
      const facts = viewers === NOBODY ? undefined : active(id);
      if (facts === undefined) return undefined;
      let view = views.get(id);
      if (view === undefined) {
        view = makeView(facts);
        views.set(id, view);
      }
      return view;
    },
    own: (id) => {
      let own = owns.get(id);
      const facts = snapshot.devices.get(id);
      if (own === undefined) {
        const view = facts === undefined ? undefined : makeView(facts);
        own = {
          filter: active(id) === undefined ? CLOSED : ALLOW_ALL,
          ssh: undefined,
          capMap: BASE_CAPABILITIES,
          allowedIPs: view?.allowedIPs ?? [],
          primaryRoutes: view?.primaryRoutes ?? [],
        };
        owns.set(id, own);
      }
      return own;
    },
    update: (touched) => {
      visible = undefined;
      for (const id of touched) {
        owns.delete(id);
        const known = views.get(id);
        const facts = active(id);
        if (facts === undefined) views.delete(id);
        else if (known !== undefined) {
          const next = makeView(facts);
          if (!same(known, next)) views.set(id, next);
        }
      }
      return NO_EFFECTS;
    },
  };
}
