import { hasSlot } from './bits.ts';
import { DISABLE_IPV4, peerCaps } from './caps.ts';
import type { Core } from './core.ts';
import type { DeviceState, RouteInfo } from './device-state.ts';
import type { PeerView, SelfView } from './output.ts';
import type { Profile } from './profile.ts';
import { type CarrierQuestion, homeOf } from './regions.ts';
import { carriesFor, type RouteBits, routeBitsOf } from './route-views.ts';
import { reachesAcross, visible } from './visibility.ts';
import { primaryKey } from './world-state.ts';

/** The ordinary carriers of prefixes, and those by region: of now, or of the time before a change. */
export interface Carriers {
  readonly primary: (network: number, prefix: string) => number | undefined;
  readonly byRegion: (question: CarrierQuestion) => number | undefined;
}

export const carriersNow = ({ world, regions }: Pick<Core, 'world' | 'regions'>): Carriers => ({
  primary: (network, prefix) => world.primaries.get(primaryKey(network, prefix)),
  byRegion: regions.carrier,
});

/** Through whom a viewer gets a prefix, if it may have it at all. */
export function carrierFor(
  { primary, byRegion }: Carriers,
  { profile }: DeviceState,
  { network, text }: Pick<RouteInfo, 'network' | 'text'>,
): number | undefined {
  const ordinary = primary(network, text);
  return byRegion({ order: profile.regions, network, prefix: text, primary: ordinary }) ?? ordinary;
}

export interface Views {
  sees(viewer: DeviceState, peer: DeviceState): boolean;
  peersOf(viewer: DeviceState): readonly number[];
  /** Who is visible to whom may be different now. */
  changed(): void;
  view(viewer: DeviceState, peer: DeviceState): PeerView;
  self(device: DeviceState): SelfView;
  /** What a viewer gets of a peer's routes, as one comparable text. */
  routesSeen(viewer: DeviceState, peer: DeviceState, carriers?: Carriers): string;
  /** The prefixes that a viewer gets from a peer. */
  routes(viewer: DeviceState, peer: DeviceState): readonly string[];
  forget(device: number): void;
}

/** Peers that are kept in lists of who sees whom: everybody's first map is made at once after a change of the policy. */
const MAX_HELD = 4_000_000;

export function createViews(core: Core): Views {
  const interned = new Map<number, Map<string, PeerView>>();
  /** The view of a device that routes nothing, which is the same for almost everybody. */
  const plainViews = new WeakMap<DeviceState, PeerView>();
  let routeBits = new WeakMap<DeviceState, readonly RouteBits[]>();
  let bitsOfProgram = core.program();

  const now = carriersNow(core);
  /** The devices that those of a profile see, ascending, with themselves where they see each other; until the next change. */
  let seen = new Map<Profile, readonly number[]>();
  let held = 0;

  function visibleTo(viewer: Profile): readonly number[] {
    const known = seen.get(viewer);
    if (known !== undefined) return known;
    const parts = [...core.profiles().all].filter((profile) => visible(viewer, profile));
    // A typed array sorts numbers several times faster than an array with a comparison function.
    const ids = new Float64Array(parts.reduce((sum, { members }) => sum + members.size, 0));
    let size = 0;
    for (const { members } of parts) for (const id of members) ids[size++] = id;
    const all = Array.from(ids.sort());
    if (held + size > MAX_HELD) return all;
    seen.set(viewer, all);
    held += size;
    return all;
  }

  function bitsOf(device: DeviceState): readonly RouteBits[] {
    if (bitsOfProgram !== core.program()) {
      routeBits = new WeakMap();
      bitsOfProgram = core.program();
    }
    let bits = routeBits.get(device);
    if (bits === undefined) {
      bits = routeBitsOf(bitsOfProgram, device, core.asFile());
      routeBits.set(device, bits);
    }
    return bits;
  }

  /** Whether the device is the viewer's first among the active carriers of a prefix that hold one of the tags. */
  function firstWithTags(
    viewer: DeviceState,
    device: DeviceState,
    { route: { network, text } }: RouteBits,
    tags: readonly string[],
    { primary, byRegion }: Carriers,
  ): boolean {
    const among = new Set<number>();
    for (const id of core.wild.holders(text)) {
      const holder = core.devices.get(id);
      if (holder !== undefined && tags.some((tag) => holder.tags.includes(tag))) among.add(id);
    }
    const elected = primary(network, text);
    const near = byRegion({ order: viewer.profile.regions, network, prefix: text, primary: elected, among });
    if (near !== undefined) return near === device.id;
    return device.id === (elected !== undefined && among.has(elected) ? elected : Math.min(...among));
  }

  function seenRoutes(
    viewer: DeviceState,
    peer: DeviceState,
    carriers: Carriers,
  ): { all: string[]; primary: string[] } {
    const all = new Set<string>();
    const carried: string[] = [];
    if (peer.routes.length === 0) return { all: [], primary: carried };
    for (const bits of bitsOf(peer)) {
      const { route } = bits;
      const primary = !route.exit && carrierFor(carriers, viewer, route) === peer.id;
      const question = {
        viewer,
        peer,
        bits,
        primary,
        firstWithTags: (tags: readonly string[]) => firstWithTags(viewer, peer, bits, tags, carriers),
      };
      if (route.exit && peer.profile.audience !== undefined && isKeptFrom(viewer, peer)) continue;
      if (all.has(route.text) || !carriesFor(core.program(), question)) continue;
      const taken = bits.rivals.some(
        ({ network, dst }) =>
          carriers.primary(network, route.text) !== undefined && hasSlot(viewer.profile.net.src, dst),
      );
      if (taken) continue;
      all.add(route.text);
      if (!route.exit) carried.push(route.text);
    }
    return { all: [...all], primary: carried };
  }

  /** Whether a device carries a prefix for anybody: for its own region, or where regions say nothing. */
  function carriesAtHome({ id, input }: DeviceState, { network, text }: RouteInfo): boolean {
    const primary = now.primary(network, text);
    const home = homeOf(input);
    const order = home === undefined ? [] : [home];
    return primary === id || now.byRegion({ order, network, prefix: text, primary }) === id;
  }

  /** A device of others is an exit node for those alone with whom it is shared as one. */
  const isKeptFrom = (viewer: DeviceState, peer: DeviceState): boolean =>
    peer.profile.external !== undefined && peer.profile.audience?.get(viewer.profile.recipient ?? 0) !== true;

  /** A device without IPv4 neither gets IPv4 addresses nor is given out with one. */
  const addressesFor = (viewer: DeviceState, device: DeviceState): string[] => {
    const noIPv4 = DISABLE_IPV4 in viewer.profile.caps || DISABLE_IPV4 in device.profile.caps;
    return device.addresses.filter(({ addr }) => !(noIPv4 && addr.family === 4)).map(({ prefix }) => prefix);
  };

  function intern(viewer: DeviceState, peer: DeviceState): PeerView {
    const { all, primary } = seenRoutes(viewer, peer, now);
    const caps = peerCaps(peer.profile.caps, all.length > primary.length);
    const addresses = addressesFor(viewer, peer);
    const jailed = peer.profile.external !== undefined && !reachesAcross(peer.profile, viewer.profile);
    const key = `${jailed ? '!' : ''}${addresses.join()}|${all.join()}|${primary.join()}|${Object.keys(caps).join()}`;
    const own = interned.get(peer.id) ?? new Map<string, PeerView>();
    interned.set(peer.id, own);
    let view = own.get(key);
    if (view === undefined) {
      view = { allowedIPs: [...addresses, ...all], primaryRoutes: primary, capMap: caps, jailed };
      own.set(key, view);
    }
    return view;
  }

  return {
    sees: (viewer, peer) => viewer.id !== peer.id && visible(viewer.profile, peer.profile),
    peersOf(viewer) {
      const all = visibleTo(viewer.profile);
      const own = all.indexOf(viewer.id);
      return own < 0 ? all : all.toSpliced(own, 1);
    },
    changed() {
      seen = new Map();
      held = 0;
    },
    routesSeen(viewer, peer, carriers = now) {
      const { all, primary } = seenRoutes(viewer, peer, carriers);
      return `${all.join()}|${primary.join()}`;
    },
    view(viewer, peer) {
      const plain =
        peer.routes.length === 0 &&
        peer.profile.external === undefined &&
        !(DISABLE_IPV4 in viewer.profile.caps);
      if (!plain) return intern(viewer, peer);
      let view = plainViews.get(peer);
      if (view === undefined) {
        view = intern(viewer, peer);
        plainViews.set(peer, view);
      }
      return view;
    },
    self(device) {
      const routes = [...new Set(device.routes.map((route) => route.text))];
      const primary = device.routes.filter((route) => !route.exit && carriesAtHome(device, route));
      return {
        allowedIPs: [...addressesFor(device, device), ...routes],
        primaryRoutes: [...new Set(primary.map((route) => route.text))],
        capMap: device.profile.caps,
      };
    },
    routes: (viewer, peer) => seenRoutes(viewer, peer, now).all,
    forget: (device) => {
      interned.delete(device);
    },
  };
}
