/** What the streams of one class of viewers have been told, and the parts of maps that they share. */
import type { DeviceRender } from './device-render.ts';
import type { MapStream } from './map-stream.ts';
import type { NetworkView, PeerView, ViewerClass } from './network-view.ts';
import { createPeerList, type PeerList } from './peer-list.ts';

export interface ClassState {
  readonly viewers: ViewerClass;
  readonly streams: Set<MapStream>;
  /** The peers as told, with the view of each. */
  readonly views: Map<number, PeerView>;
  readonly list: PeerList;
}

export function createClassState(network: NetworkView, viewers: ViewerClass): ClassState {
  const ids = network.visible(viewers);
  const views = new Map<number, PeerView>();
  for (const id of ids) {
    const view = network.peer(viewers, id);
    if (view !== undefined) views.set(id, view);
  }
  return { viewers, streams: new Set(), views, list: createPeerList([...views.keys()]) };
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
    const before = state.views.get(id);
    const now = network.peer(state.viewers, id);
    if (now === undefined) {
      if (before === undefined) continue;
      state.views.delete(id);
      state.list.remove(id);
      removed.push(id);
    } else if (before === undefined || before !== now) {
      state.views.set(id, now);
      state.list.add(id);
      state.list.touch(id);
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

/** The JSON of a delta for a viewer; `without` is left out of the changed peers. */
export function deltaMembers(
  state: Pick<ClassState, 'views'>,
  delta: ClassDelta,
  renders: ReadonlyMap<number, DeviceRender>,
  profiles: (users: ReadonlySet<number>) => string,
  without?: number,
): string {
  const parts: string[] = [];
  const changed = delta.changed.filter((id) => id !== without);
  const users = new Set<number>();
  const peers: string[] = [];
  for (const id of changed) {
    const render = renders.get(id);
    const view = state.views.get(id);
    if (render === undefined || view === undefined) continue;
    users.add(render.user);
    peers.push(render.peer(view));
  }
  if (users.size > 0) parts.push(`"UserProfiles":[${profiles(users)}]`);
  if (peers.length > 0) parts.push(`"PeersChanged":[${peers.join(',')}]`);
  const removed = delta.removed.filter((id) => id !== without);
  if (removed.length > 0) parts.push(`"PeersRemoved":[${removed.join(',')}]`);
  if (delta.patches.length > 0) parts.push(`"PeersChangedPatch":[${delta.patches.join(',')}]`);
  return parts.join(',');
}
