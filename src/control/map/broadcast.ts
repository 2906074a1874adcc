/** Tells the streams of an organization what has changed: each class of viewers in one message, made and compressed once. */
import type { FlowLogIds } from '../../domain/flow-logs/flow-log-ids.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Compression, encodeMessage } from '../wire/index.ts';
import { emptyBacklog } from './backlog.ts';
import {
  advanceClass,
  type ClassDelta,
  type ClassState,
  deltaMembers,
  differenceFor,
  isEmptyDelta,
} from './class-state.ts';
import { type DeviceRender, patchBetween, renderProfile } from './device-render.ts';
import type { DnsView } from './dns-view.ts';
import { filterMember } from './first-map.ts';
import type { MapStream } from './map-stream.ts';
import type { NetworkView } from './network-view.ts';
import { renderExpiredNode, renderOwnNode } from './own-node.ts';
import type { PendingChanges } from './pending-changes.ts';
import { relayMember } from './relay-map.ts';
import type { StreamRegistry } from './stream-registry.ts';

export interface BroadcastParts {
  readonly snapshot: Snapshot;
  readonly network: NetworkView;
  readonly dns: Pick<DnsView, 'text'>;
  /** The map of relays for a stream. */
  readonly relays: (stream: MapStream) => string;
  readonly registry: StreamRegistry;
  /** Devices as they are now, and as the streams were last told. */
  readonly renders: ReadonlyMap<number, DeviceRender>;
  readonly told: Map<number, DeviceRender>;
  readonly clock: Clock;
  readonly flowLogIds: FlowLogIds;
}

export interface Broadcast {
  /** `lost`: the last facts of devices that were deleted under their streams. */
  tell(pending: PendingChanges, lost: ReadonlyMap<number, DeviceFacts>): void;
  /** What a slow stream missed. */
  catchUp(stream: MapStream): void;
  send(stream: MapStream, message: Uint8Array): void;
  /** Members of a message for this stream alone. */
  sendMembers(stream: MapStream, members: string): void;
}

export function createBroadcast(parts: BroadcastParts): Broadcast {
  const { snapshot, network, dns, relays, registry, renders, told, clock, flowLogIds } = parts;

  const profiles = (users: Iterable<number>): string =>
    [...users].map((user) => renderProfile(snapshot, user)).join(',');

  const send = (stream: MapStream, message: Uint8Array): void => {
    stream.lastWrite = clock.now();
    if (!stream.sink.write(message) && stream.backlog === undefined) stream.backlog = emptyBacklog();
  };
  const sendMembers = (stream: MapStream, members: string): void => {
    if (members !== '') send(stream, encodeMessage(`{${members}}`, stream.compression));
  };

  /** Own node, filter, SSH policy and map of relays, where they differ from what the client has. */
  const tellOwn = (stream: MapStream): void => {
    const facts = snapshot.devices.get(stream.device);
    if (facts === undefined) return;
    if (stream.backlog !== undefined) {
      stream.backlog.own = true;
      return;
    }
    const own = network.own(stream.device);
    const node = renderOwnNode({ snapshot, flowLogIds }, facts, own, clock.now());
    const members: string[] = [];
    if (node.text !== stream.ownText) members.push(`"Node":${node.json}`);
    if (own.filter !== stream.own?.filter) members.push(filterMember(own));
    if (own.ssh !== stream.own?.ssh) members.push(`"SSHPolicy":${JSON.stringify(own.ssh)}`);
    const relaysText = relays(stream);
    if (relaysText !== stream.relaysText) members.push(relayMember(stream.relaysText, relaysText));
    stream.relaysText = relaysText;
    stream.ownText = node.text;
    stream.own = own;
    sendMembers(stream, members.join(','));
  };

  /** Ends the stream of a device that is gone, after telling its client that its key is no more. */
  const dismiss = (stream: MapStream, facts: DeviceFacts | undefined): void => {
    if (facts !== undefined && stream.own !== undefined) {
      sendMembers(
        stream,
        `"Node":${renderExpiredNode({ snapshot, flowLogIds }, facts, stream.own, clock.now())}`,
      );
    }
    registry.remove(stream);
    stream.sink.end();
  };

  /** A device that moved to another class hears the whole difference between the two. */
  const move = (stream: MapStream, had: ClassState['views'], dirty: ReadonlySet<number>): void => {
    const { views, delta } = differenceFor(network, stream.device, had, dirty);
    if (stream.backlog !== undefined) {
      for (const id of [...delta.changed, ...delta.removed]) stream.backlog.devices.add(id);
      return;
    }
    sendMembers(stream, deltaMembers(views, delta, renders, profiles, stream.device));
  };

  /** `informed` streams have been told everything already. */
  const tellClass = (
    state: ClassState,
    delta: ClassDelta,
    dirty: ReadonlySet<number>,
    informed: ReadonlySet<MapStream>,
  ): void => {
    if (isEmptyDelta(delta)) return;
    const named = new Set([...delta.changed, ...delta.removed]);
    const shared = new Map<Compression, Buffer>();
    for (const stream of state.streams) {
      if (!stream.ready || informed.has(stream)) continue;
      if (stream.backlog !== undefined) {
        for (const id of dirty) stream.backlog.devices.add(id);
        for (const id of named) stream.backlog.devices.add(id);
      } else if (named.has(stream.device)) {
        sendMembers(stream, deltaMembers(state.views, delta, renders, profiles, stream.device));
      } else {
        let message = shared.get(stream.compression);
        if (message === undefined) {
          const members = deltaMembers(state.views, delta, renders, profiles);
          message = encodeMessage(`{${members}}`, stream.compression);
          shared.set(stream.compression, message);
        }
        send(stream, message);
      }
    }
  };

  /** The DNS settings, where they differ from what the client has: a client rebuilds its network map for them. */
  const dnsMember = (stream: MapStream): string => {
    const text = dns.text(stream.device);
    if (text === stream.dnsText) return '';
    stream.dnsText = text;
    return `"DNSConfig":${text}`;
  };
  const profilesMember = (users: ReadonlySet<number>): string =>
    users.size > 0 ? `"UserProfiles":[${profiles(users)}]` : '';
  const joined = (...members: readonly string[]): string => members.filter((text) => text !== '').join(',');

  /** What every stream of the organization is told alike. */
  const tellAll = (pending: PendingChanges): void => {
    const people = profilesMember(pending.profiles);
    if (people === '' && !pending.dns) return;
    const shared = new Map<string, Buffer>();
    for (const stream of registry.streams()) {
      if (!stream.ready) continue;
      if (stream.backlog !== undefined) {
        stream.backlog.dns ||= pending.dns;
        for (const user of pending.profiles) stream.backlog.profiles.add(user);
        continue;
      }
      const members = joined(pending.dns ? dnsMember(stream) : '', people);
      if (members === '') continue;
      const key = `${stream.compression} ${members}`;
      const message = shared.get(key) ?? encodeMessage(`{${members}}`, stream.compression);
      shared.set(key, message);
      send(stream, message);
    }
  };

  const patcher = (): ((id: number) => string | undefined) => {
    const patches = new Map<number, string | undefined>();
    return (id) => {
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
  };

  return {
    send,
    sendMembers,
    tell: (pending, lost) => {
      const targets = [...pending.own].flatMap((id) => registry.of(id) ?? []).filter(({ ready }) => ready);
      for (const stream of targets) {
        if (!snapshot.devices.has(stream.device)) dismiss(stream, lost.get(stream.device));
      }
      const wholesale = new Set<ClassState>();
      const informed = new Set<MapStream>();
      for (const stream of targets) {
        if (!snapshot.devices.has(stream.device)) continue;
        tellOwn(stream);
        const before = registry.classOf(stream);
        if (network.classOf(stream.device) !== stream.viewers) {
          move(stream, before?.views ?? new Map(), pending.devices);
          registry.reclassify(stream);
          informed.add(stream);
        } else if (before !== undefined && pending.standing.has(stream.device)) {
          wholesale.add(before);
        }
      }
      const patchOf = patcher();
      for (const state of registry.classes()) {
        const [some] = state.streams;
        const devices =
          wholesale.has(state) && some !== undefined
            ? new Set([...pending.devices, ...state.views.keys(), ...network.peers(some.device)])
            : pending.devices;
        tellClass(state, advanceClass(state, network, devices, patchOf), pending.devices, informed);
      }
      tellAll(pending);
      for (const id of pending.devices) {
        const render = renders.get(id);
        if (render === undefined) told.delete(id);
        else told.set(id, render);
      }
    },
    catchUp: (stream) => {
      const backlog = stream.backlog;
      const state = registry.classOf(stream);
      stream.backlog = undefined;
      if (backlog === undefined || state === undefined) return;
      const changed = [...backlog.devices].filter((id) => state.views.has(id)).sort((a, b) => a - b);
      const removed = [...backlog.devices].filter((id) => !state.views.has(id));
      const delta = { changed, removed, patches: [] };
      const peers = deltaMembers(state.views, delta, renders, profiles, stream.device);
      if (backlog.own) tellOwn(stream);
      // A message that fills the pipe again puts what follows it back on the list, and nothing is lost.
      if (stream.backlog !== undefined) {
        Object.assign(stream.backlog, { ...backlog, own: false });
        return;
      }
      sendMembers(stream, peers);
      if (stream.backlog !== undefined) {
        Object.assign(stream.backlog, { ...backlog, own: false, devices: new Set() });
        return;
      }
      sendMembers(stream, joined(backlog.dns ? dnsMember(stream) : '', profilesMember(backlog.profiles)));
    },
  };
}
