/** What the streams of one class of viewers have been told, and the parts of maps that they share. */
import type { DeviceRender } from './device-render.ts';
import type { MapStream } from './map-stream.ts';
import type { NetworkView, PeerView, ViewerClass } from './network-view.ts';
import { createPeerList, type PeerList } from './peer-list.ts';

export interface ClassState {
  readonly viewers: ViewerClass;
  readonly streams: Set<MapStream>;
  /** The peers as told, with the view of each. A stream's own device is among them when another stream sees it. */
  readonly views: Map<number, PeerView>;
  readonly list: PeerList;
}

export function createClassState(network: NetworkView, viewers: ViewerClass, first: MapStream): ClassState {
  const views = new Map<number, PeerView>();
  for (const id of network.peers(first.device)) {
    const view = network.peer(first.device, id);
    if (view !== undefined) views.set(id, view);
  }
  return { viewers, streams: new Set([first]), views, list: createPeerList([...views.keys()]) };
}

/** Adds a stream. The one that was alone until now becomes a third device to somebody. */
export function joinClass(state: ClassState, network: NetworkView, stream: MapStream): void {
  const [alone] = state.streams.size === 1 ? state.streams : [];
  state.streams.add(stream);
  if (alone !== undefined) refresh(state, network, alone.device);
}

/** A device of the class that can say how it sees a device: any but that one. */
function viewerOf(state: ClassState, device: number): number | undefined {
  for (const stream of state.streams) if (stream.device !== device) return stream.device;
  return undefined;
}

/** Brings what is known of one device up to date; says what its view was and is. */
function refresh(
  state: ClassState,
  network: NetworkView,
  device: number,
): { readonly before: PeerView | undefined; readonly now: PeerView | undefined } {
  const before = state.views.get(device);
  const viewer = viewerOf(state, device);
  const now = viewer === undefined ? undefined : network.peer(viewer, device);
  if (now === undefined) {
    if (before !== undefined) {
      state.views.delete(device);
      state.list.remove(device);
    }
  } else if (now !== before) {
    state.views.set(device, now);
    state.list.add(device);
    state.list.touch(device);
  }
  return { before, now };
}

export interface ClassDelta {
  /** Devices that are new or changed as a whole, in rising order. */
  readonly changed: readonly number[];
  readonly removed: readonly number[];
  /** Patches, one a device. */
  readonly patches: readonly string[];
}

/**
 * Brings a class up to date with the devices named, and says what its streams must be told. `patchOf` gives the difference
 * to what was last told: '' none, undefined if the whole object is needed.
 */
export function advanceClass(
  state: ClassState,
  network: NetworkView,
  devices: Iterable<number>,
  patchOf: (device: number) => string | undefined,
): ClassDelta {
  const changed: number[] = [];
  const removed: number[] = [];
  const patches: string[] = [];
  for (const id of devices) {
    const { before, now } = refresh(state, network, id);
    if (now === undefined) {
      if (before !== undefined) removed.push(id);
    } else if (now !== before) {
      changed.push(id);
    } else {
      const patch = patchOf(id);
      if (patch === '') continue;
      state.list.touch(id);
      if (patch === undefined) changed.push(id);
      else patches.push(patch);
    }
  }
  changed.sort((a, b) => a - b);
  return { changed, removed, patches };
}

export const isEmptyDelta = (delta: ClassDelta): boolean =>
  delta.changed.length === 0 && delta.removed.length === 0 && delta.patches.length === 0;

/** What a device must hear that has `had` these views and now sees the network as `network` says. */
export function differenceFor(
  network: NetworkView,
  viewer: number,
  had: ReadonlyMap<number, PeerView>,
  dirty: ReadonlySet<number>,
): { readonly views: Map<number, PeerView>; readonly delta: ClassDelta } {
  const views = new Map<number, PeerView>();
  const changed: number[] = [];
  for (const id of network.peers(viewer)) {
    const view = network.peer(viewer, id);
    if (view === undefined) continue;
    views.set(id, view);
    if (had.get(id) !== view || dirty.has(id)) changed.push(id);
  }
  const removed = [...had.keys()].filter((id) => !views.has(id) && id !== viewer);
  return { views, delta: { changed, removed, patches: [] } };
}

/** The JSON members of a delta for a viewer; `without` is left out of the changed peers. */
export function deltaMembers(
  views: ReadonlyMap<number, PeerView>,
  delta: ClassDelta,
  renders: ReadonlyMap<number, DeviceRender>,
  profiles: (users: ReadonlySet<number>) => string,
  without?: number,
): string {
  const parts: string[] = [];
  const users = new Set<number>();
  const peers: string[] = [];
  for (const id of delta.changed) {
    const render = renders.get(id);
    const view = views.get(id);
    if (id === without || render === undefined || view === undefined) continue;
    for (const user of render.users) users.add(user);
    peers.push(render.peer(view));
  }
  if (users.size > 0) parts.push(`"UserProfiles":[${profiles(users)}]`);
  if (peers.length > 0) parts.push(`"PeersChanged":[${peers.join(',')}]`);
  const removed = delta.removed.filter((id) => id !== without);
  if (removed.length > 0) parts.push(`"PeersRemoved":[${removed.join(',')}]`);
  if (delta.patches.length > 0) parts.push(`"PeersChangedPatch":[${delta.patches.join(',')}]`);
  return parts.join(',');
}
