/**
 * The live side of an organization in this process: its snapshot, the streams of its devices, and the messages between.
 *
 * Changes arrive from the feed alone. They are gathered for a few hundredths of a second; then each class of viewers is told
 * what changed for it, in one message that is made and compressed once for all its streams.
 */
import type { Change } from '../../domain/ports/store.ts';
import type { DeviceFacts, Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Compression, type DerpMap, encodeMessage } from '../wire/index.ts';
import type { UpdatableView } from './allow-all-view.ts';
import {
  advanceClass,
  type ClassDelta,
  type ClassState,
  createClassState,
  deltaMembers,
  isEmptyDelta,
} from './class-state.ts';
import {
  type DeviceRender,
  isExpired,
  ownerUser,
  patchBetween,
  renderDevice,
  renderProfile,
} from './device-render.ts';
import { dnsConfigOf } from './dns-config.ts';
import { buildFirstMap, filterMember } from './first-map.ts';
import type { MapStream } from './map-stream.ts';
import type { ViewEffects, ViewerClass } from './network-view.ts';
import { renderExpiredNode, renderOwnNode } from './own-node.ts';

/** How long changes are gathered before they are sent. */
const GATHER_MS = 15;

export interface OrganizationHub {
  readonly snapshot: Snapshot;
  /** Changes of the feed, in order. */
  apply(changes: readonly Change[]): void;
  /** Writes the first map and keeps the stream told from then on. */
  open(stream: MapStream): void;
  close(stream: MapStream): void;
  /** The client of a slow stream has caught up. */
  drained(stream: MapStream): void;
  streams(): Iterable<MapStream>;
  /** Looks for keys that have expired since the last call. */
  checkExpiry(): void;
  /** Gives up memory that only new streams need. */
  forget(): void;
  stop(): void;
}

export interface OrganizationHubParts {
  readonly snapshot: Snapshot;
  readonly network: UpdatableView;
  readonly clock: Clock;
  readonly derpMap: () => DerpMap;
  /** Told of devices whose facts changed, after they are in the snapshot. */
  readonly onTouched: (devices: ReadonlySet<number>) => void;
  readonly onError: (error: unknown) => void;
}

export function createOrganizationHub(parts: OrganizationHubParts): OrganizationHub {
  const { snapshot, network, clock, derpMap, onTouched, onError } = parts;
  const streams = new Map<number, MapStream>();
  const classes = new Map<ViewerClass, ClassState>();
  /** As they are now, and as the classes were last told. */
  const renders = new Map<number, DeviceRender>();
  const told = new Map<number, DeviceRender>();
  const dirty = new Set<number>();
  const dirtyOwn = new Set<number>();
  const dirtyProfiles = new Set<number>();
  let dirtyClasses: Set<ViewerClass> | 'all' | undefined;
  let allOwn = false;
  let dnsDirty = false;
  let timer: NodeJS.Timeout | undefined;
  let lastExpiryCheck = clock.now();
  /** The facts of devices that were deleted under their streams. */
  const lost = new Map<number, DeviceFacts>();

  for (const facts of snapshot.devices.values()) {
    renders.set(facts.device.id, renderDevice(snapshot, facts, clock.now()));
  }
  for (const [id, render] of renders) told.set(id, render);

  const profiles = (users: Iterable<number>): string =>
    [...users].map((user) => renderProfile(snapshot, user)).join(',');
  const stateOf = (viewers: ViewerClass): ClassState => {
    let state = classes.get(viewers);
    if (state === undefined) {
      state = createClassState(network, viewers);
      classes.set(viewers, state);
    }
    return state;
  };
  const send = (stream: MapStream, message: Uint8Array): void => {
    stream.lastWrite = clock.now();
    if (!stream.sink.write(message) && stream.backlog === undefined) stream.backlog = new Set();
  };
  const sendText = (stream: MapStream, members: string): void =>
    send(stream, encodeMessage(`{${members}}`, stream.compression));

  const schedule = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      try {
        flush();
      } catch (error) {
        onError(error);
      }
    }, GATHER_MS);
  };

  const merge = (effects: ViewEffects): void => {
    for (const id of effects.peers) dirty.add(id);
    if (effects.own === 'all') allOwn = true;
    else for (const id of effects.own) dirtyOwn.add(id);
    if (effects.classes === 'all') dirtyClasses = 'all';
    else if (effects.classes.size > 0 && dirtyClasses !== 'all') {
      dirtyClasses = new Set([...(dirtyClasses ?? []), ...effects.classes]);
    }
  };

  const touch = (touched: ReadonlySet<number>): void => {
    for (const id of touched) {
      dirty.add(id);
      dirtyOwn.add(id);
      const facts = snapshot.devices.get(id);
      if (facts === undefined) renders.delete(id);
      else renders.set(id, renderDevice(snapshot, facts, clock.now()));
      for (const state of classes.values()) state.list.touch(id);
    }
    merge(network.update(touched));
    onTouched(touched);
    schedule();
  };

  /** Own node and filter, when they differ from what the client has. */
  const ownMembers = (stream: MapStream): string => {
    const facts = snapshot.devices.get(stream.device);
    if (facts === undefined) return '';
    const own = network.own(stream.device);
    const node = renderOwnNode(snapshot, facts, own, clock.now());
    const members: string[] = [];
    if (node.text !== stream.ownText) members.push(`"Node":${node.json}`);
    if (own.filter !== stream.own?.filter) members.push(filterMember(own));
    if (own.ssh !== stream.own?.ssh) members.push(`"SSHPolicy":${JSON.stringify(own.ssh ?? { rules: [] })}`);
    stream.ownText = node.text;
    stream.own = own;
    return members.join(',');
  };

  /** Ends the stream of a device that is gone, after telling its client that its key is no more. */
  const dismiss = (stream: MapStream): void => {
    const facts = lost.get(stream.device);
    if (facts !== undefined && stream.own !== undefined) {
      sendText(stream, `"Node":${renderExpiredNode(snapshot, facts, stream.own, clock.now())}`);
    }
    lost.delete(stream.device);
    detach(stream);
    stream.sink.end();
  };

  const detach = (stream: MapStream): void => {
    if (streams.get(stream.device) === stream) streams.delete(stream.device);
    const state = classes.get(stream.viewers);
    state?.streams.delete(stream);
    if (state?.streams.size === 0) classes.delete(stream.viewers);
  };

  /** What a stream must hear when its device moves to another class: the whole difference between the two. */
  const moveClass = (
    stream: MapStream,
    before: ClassState | undefined,
    changedIds: ReadonlySet<number>,
  ): void => {
    const had = new Map(before?.views ?? []);
    detachFromClass(stream);
    stream.viewers = network.classOf(stream.device);
    const state = stateOf(stream.viewers);
    state.streams.add(stream);
    const now = network.visible(stream.viewers);
    const seen = new Set(now);
    const changed = now.filter((id) => {
      const view = network.peer(stream.viewers, id);
      return id !== stream.device && (had.get(id) !== view || changedIds.has(id));
    });
    const removed = [...had.keys()].filter((id) => !seen.has(id) && id !== stream.device);
    const views = new Map(
      now.flatMap((id) => {
        const view = network.peer(stream.viewers, id);
        return view === undefined ? [] : [[id, view] as const];
      }),
    );
    const members = deltaMembers({ views }, { changed, removed, patches: [] }, renders, profiles);
    if (members !== '') sendText(stream, members);
  };
  const detachFromClass = (stream: MapStream): void => {
    classes.get(stream.viewers)?.streams.delete(stream);
  };

  const flushOwn = (): void => {
    const targets = allOwn ? [...streams.values()] : [...dirtyOwn].flatMap((id) => streams.get(id) ?? []);
    for (const stream of targets) {
      if (!stream.ready) continue;
      if (!snapshot.devices.has(stream.device)) {
        dismiss(stream);
        continue;
      }
      const members = ownMembers(stream);
      if (members !== '') sendText(stream, members);
    }
  };

  /** `informed` streams have been told everything already. */
  const flushClass = (state: ClassState, delta: ClassDelta, informed: ReadonlySet<MapStream>): void => {
    if (isEmptyDelta(delta)) return;
    const named = new Set([...delta.changed, ...delta.removed]);
    const shared = new Map<Compression, Buffer>();
    for (const stream of state.streams) {
      if (!stream.ready || informed.has(stream)) continue;
      if (stream.backlog !== undefined) {
        for (const id of dirty) stream.backlog.add(id);
        continue;
      }
      if (named.has(stream.device)) {
        const members = deltaMembers(state, delta, renders, profiles, stream.device);
        if (members !== '') sendText(stream, members);
        continue;
      }
      let message = shared.get(stream.compression);
      if (message === undefined) {
        message = encodeMessage(`{${deltaMembers(state, delta, renders, profiles)}}`, stream.compression);
        shared.set(stream.compression, message);
      }
      send(stream, message);
    }
  };

  const flush = (): void => {
    const patches = new Map<number, string | undefined>();
    const patchOf = (id: number): string | undefined => {
      if (!patches.has(id)) {
        const before = told.get(id);
        const after = renders.get(id);
        patches.set(
          id,
          before === undefined || after === undefined ? undefined : patchBetween(before, after),
        );
      }
      return patches.get(id);
    };
    const movers = [...(allOwn || dirtyClasses === 'all' ? streams.keys() : dirtyOwn)].flatMap((id) => {
      const stream = streams.get(id);
      return stream?.ready && snapshot.devices.has(id) && network.classOf(id) !== stream.viewers
        ? [stream]
        : [];
    });
    const moved = movers.map((stream) => ({ stream, before: classes.get(stream.viewers) }));
    for (const { stream, before } of moved) moveClass(stream, before, dirty);
    const isMover = new Set(movers);
    flushOwn();
    for (const state of [...classes.values()]) {
      const wholesale = dirtyClasses === 'all' || dirtyClasses?.has(state.viewers);
      const devices = wholesale
        ? new Set([...dirty, ...state.views.keys(), ...network.visible(state.viewers)])
        : dirty;
      flushClass(state, advanceClass(state, network, devices, patchOf), isMover);
      if (state.streams.size === 0) classes.delete(state.viewers);
    }
    flushShared();
    for (const id of dirty) {
      const render = renders.get(id);
      if (render === undefined) told.delete(id);
      else told.set(id, render);
    }
    dirty.clear();
    dirtyOwn.clear();
    dirtyProfiles.clear();
    dirtyClasses = undefined;
    allOwn = false;
    dnsDirty = false;
  };

  /** What every stream of the organization is told alike. */
  const flushShared = (): void => {
    const members = [
      ...(dnsDirty ? [`"DNSConfig":${JSON.stringify(dnsConfigOf(snapshot))}`] : []),
      ...(dirtyProfiles.size > 0 ? [`"UserProfiles":[${profiles(dirtyProfiles)}]`] : []),
    ].join(',');
    if (members === '') return;
    for (const compression of ['zstd', 'none'] as const) {
      const message = encodeMessage(`{${members}}`, compression);
      for (const stream of streams.values()) {
        if (stream.ready && stream.compression === compression) send(stream, message);
      }
    }
  };

  const writeFirstMap = (stream: MapStream, facts: DeviceFacts): void => {
    const own = network.own(stream.device);
    const node = renderOwnNode(snapshot, facts, own, clock.now());
    const message = buildFirstMap({
      snapshot,
      node,
      own,
      state: stateOf(stream.viewers),
      renders,
      stream,
      user: ownerUser(facts),
      derpMap: derpMap(),
      now: clock.now(),
    });
    stream.ownText = node.text;
    stream.own = own;
    stream.ready = true;
    send(stream, message);
  };

  return {
    snapshot,
    apply: (changes) => {
      const touched = new Set<number>();
      for (const change of changes) {
        if (change.kind === 'device' && change.after === null) {
          const id = Number(change.key);
          const facts = snapshot.devices.get(id);
          if (facts !== undefined && streams.has(id)) lost.set(id, { ...facts });
        }
        if (change.kind === 'routePrimary') {
          const carrier = snapshot.primaries.get(change.key)?.device;
          if (carrier !== undefined) touched.add(carrier);
        }
        const id = snapshot.apply(change);
        if (id !== undefined) touched.add(id);
        if (change.kind === 'dnsConfig') dnsDirty = true;
        if (change.kind === 'routePrimary') {
          const carrier = snapshot.primaries.get(change.key)?.device;
          if (carrier !== undefined) touched.add(carrier);
        }
        if (change.kind === 'membership') {
          dirtyProfiles.add(Number(change.key));
          for (const facts of snapshot.devices.values()) {
            if (facts.device.ownerKind === 'membership' && facts.device.owner === Number(change.key))
              touched.add(facts.device.id);
          }
        }
      }
      if (touched.size > 0) touch(touched);
      else if (dnsDirty || dirtyProfiles.size > 0) schedule();
    },
    open: (stream) => {
      const facts = snapshot.devices.get(stream.device);
      if (facts === undefined) {
        stream.sink.end();
        return;
      }
      const older = streams.get(stream.device);
      if (older !== undefined) {
        detach(older);
        older.sink.end();
      }
      stream.viewers = network.classOf(stream.device);
      streams.set(stream.device, stream);
      stateOf(stream.viewers).streams.add(stream);
      writeFirstMap(stream, facts);
    },
    close: detach,
    drained: (stream) => {
      const backlog = stream.backlog;
      stream.backlog = undefined;
      if (backlog === undefined || backlog.size === 0 || streams.get(stream.device) !== stream) return;
      const state = stateOf(stream.viewers);
      const seen = [...backlog].filter((id) => state.views.has(id)).sort((a, b) => a - b);
      const gone = [...backlog].filter((id) => !state.views.has(id));
      const members = deltaMembers(
        state,
        { changed: seen, removed: gone, patches: [] },
        renders,
        profiles,
        stream.device,
      );
      if (members !== '') sendText(stream, members);
    },
    streams: () => streams.values(),
    checkExpiry: () => {
      const now = clock.now();
      const expired = new Set<number>();
      for (const [id, facts] of snapshot.devices) {
        const at = facts.device.keyExpiresAt;
        if (at !== null && at > lastExpiryCheck && at <= now && isExpired(facts, now)) expired.add(id);
      }
      lastExpiryCheck = now;
      if (expired.size > 0) touch(expired);
    },
    forget: () => {
      for (const state of classes.values()) state.list.forget();
    },
    stop: () => {
      clearTimeout(timer);
      for (const stream of streams.values()) stream.sink.end();
      streams.clear();
      classes.clear();
    },
  };
}
