/**
 * The live side of an organization in this process: its snapshot, the streams of its devices, and the messages between.
 *
 * Changes arrive from the feed alone. They are gathered for a few hundredths of a second, then told.
 */

import { isExpired, keyEnd } from '../../domain/devices/key-expiry.ts';
import { FLOW_LOG_SETTING, type ToldClients } from '../../domain/flow-logs/flow-log-consent.ts';
import type { FlowLogIds } from '../../domain/flow-logs/flow-log-ids.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { SettingName } from '../../domain/settings/settings.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { ClientAccess } from '../../effective-policy/client-access.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { SshRuleOutput } from '../../policy/index.ts';
import type { AddrPort, DerpMap } from '../wire/index.ts';
import { createBroadcast } from './broadcast.ts';
import { type ClassState, createClassState } from './class-state.ts';
import { type DeviceRender, ownerUser, renderDevice, renderExternal } from './device-render.ts';
import { createDnsView } from './dns-view.ts';
import { buildFirstMap } from './first-map.ts';
import type { MapStream } from './map-stream.ts';
import { renderOwnNode } from './own-node.ts';
import { addEffects, isPending, noPendingChanges } from './pending-changes.ts';
import type { PolicyView } from './policy-view.ts';
import { createStreamRegistry } from './stream-registry.ts';

/** How long changes are gathered before they are sent. */
const GATHER_MS = 15;
/**
 * The least time between two rounds of messages, for each stream that they go to: in a storm of changes the rounds would
 * otherwise take all of the time, each saying little. A change that comes alone waits for no more than the above.
 */
const ROUND_MS_PER_STREAM = 0.1;
const MAX_ROUND_MS = 250;

/** Somebody else who follows an organization's state. */
export interface HubWatcher {
  /** The changes are in the snapshot and in the policy. */
  readonly applied: (changes: readonly Change[]) => void;
  /** The hub is let go of. */
  readonly ended: () => void;
}

/** What each device is told in its own node. */
const TOLD_SETTINGS: ReadonlySet<string> = new Set<SettingName>([
  FLOW_LOG_SETTING,
  'devices_auto_update',
  'key_days',
  'https_enabled',
]);

/** Without names there are no certificates for them. */
function switchesMagicDns(change: Change): boolean {
  if (change.kind !== 'dnsConfig') return false;
  const { before, after } = change as Change<'dnsConfig'>;
  return before?.magicDns !== after?.magicDns;
}

/** The organization's own domain is part of every name in it. */
const renamesAll = ({ kind }: Change): boolean => kind === 'organization';

export interface OrganizationHub {
  readonly snapshot: Snapshot;
  /** What plain clients behind gateways may reach. */
  readonly clients: ClientAccess;
  /** Returns how to stop. */
  watch(watcher: HubWatcher): () => void;
  readonly watcherCount: number;
  /** Changes of the organization's feed, in order, and those of its own row, which the installation's feed has. */
  apply(changes: readonly Change[]): void;
  /** Devices of other organizations that are others in the snapshot now. */
  external(devices: ReadonlySet<number>): void;
  /** Writes the first map and keeps the stream told from then on. Ends the device's older stream. */
  open(stream: MapStream): void;
  /** Writes a first map and ends the stream; an open stream of the device goes on. */
  answer(stream: MapStream): void;
  /**
   * The device connected to another process at that time: ends an older stream that it left here. Says whether it has a
   * newer one here.
   */
  supersede(device: number, since: number): boolean;
  /** Whether this was the device's present stream. */
  close(stream: MapStream): boolean;
  /** The client of a slow stream has caught up. */
  drained(stream: MapStream): void;
  /** The rule by which a login from one device to another, as that user, would be let in or checked. */
  sshRule(source: number, target: number, user: string): SshRuleOutput | undefined;
  /** Where sessions of an SSH rule are recorded now. */
  recordersOf(rule: SshRuleOutput): readonly AddrPort[];
  /** Whether the device has a stream here that has had its first map. */
  connected(device: number): boolean;
  /** Members of a message that say nothing of the network, for one device; false when it has no stream here. */
  send(device: number, members: string): boolean;
  streams(): IterableIterator<MapStream>;
  readonly streamCount: number;
  /** The map of relays may be another: whoever was told otherwise is told anew. */
  relaysChanged(): void;
  /** Lets time pass: keys, access and attributes that have ended since the last call. */
  expire(): void;
  /** Gives up memory that only new streams need. */
  forget(): void;
  stop(): void;
}

export interface OrganizationHubParts {
  readonly snapshot: Snapshot;
  readonly network: PolicyView;
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
  readonly clock: Clock;
  readonly derpMap: (localAddress: string) => DerpMap;
  readonly flowLogIds: FlowLogIds;
  /** Clients that were told to keep their logs. */
  readonly told: ToldClients;
  /** Told of changes, and of the devices whose facts they touched, when they are in the snapshot. */
  readonly onApplied: (changes: readonly Change[], touched: ReadonlySet<number>) => void;
  readonly onError: (error: unknown) => void;
  /** The hub can no longer vouch for what its streams know: it must be let go of. */
  readonly onBroken: () => void;
}

export function createOrganizationHub(parts: OrganizationHubParts): OrganizationHub {
  const { snapshot, network, clock, derpMap, flowLogIds, onApplied, onError } = parts;
  const renders = new Map<number, DeviceRender>();
  for (const [id, facts] of snapshot.devices) renders.set(id, renderDevice(snapshot, facts, clock.now()));
  for (const [id, external] of snapshot.external) renders.set(id, renderExternal(external, clock.now()));
  const told = new Map(renders);
  const registry = createStreamRegistry(network);
  const dns = createDnsView({
    snapshot,
    opened: network.opened,
    certificateDomain: parts.certificateDomain,
  });
  const relays = ({ localAddress }: MapStream): string =>
    JSON.stringify(network.relays(derpMap(localAddress)));
  const broadcast = createBroadcast({
    snapshot,
    network,
    dns,
    relays,
    registry,
    renders,
    told,
    clock,
    flowLogIds,
  });
  const lost = new Map<number, DeviceFacts>();
  const watchers = new Set<HubWatcher>();
  let pending = noPendingChanges();
  let timer: NodeJS.Timeout | undefined;
  let lastRound = 0;
  let lastExpiryCheck = clock.now();

  const tell = (): void => {
    timer = undefined;
    lastRound = clock.now();
    const now = pending;
    pending = noPendingChanges();
    try {
      broadcast.tell(now, lost);
    } catch (error) {
      onError(error);
      // Some streams were told and others not: all come again, and start from the present state.
      parts.onBroken();
    }
    lost.clear();
  };
  const schedule = (): void => {
    if (timer !== undefined || !isPending(pending)) return;
    const pause = Math.min(registry.size * ROUND_MS_PER_STREAM, MAX_ROUND_MS);
    const left = Math.min(lastRound + pause - clock.now(), pause);
    timer = setTimeout(tell, Math.max(GATHER_MS, left));
  };
  const firstMap = (stream: MapStream, state: ClassState, facts: DeviceFacts): Buffer => {
    const own = network.own(stream.device);
    const node = renderOwnNode({ snapshot, flowLogIds }, facts, own, clock.now());
    stream.ownText = node.text;
    stream.own = own;
    // Clients would send their logs to the vendor otherwise. Those that may be asked for flow logs must not be told.
    const keepLogs = !snapshot.settings().network_flow_logging && facts.live?.flowLogs !== true;
    if (keepLogs) parts.told.add(stream.discoKey);
    stream.dnsText = dns.text(stream.device);
    stream.relaysText = relays(stream);
    return buildFirstMap({
      snapshot,
      node,
      own,
      state,
      renders,
      stream,
      user: ownerUser(facts),
      flowLogId: flowLogIds.ofOrganization(snapshot.organization.id),
      keepLogs,
      now: clock.now(),
    });
  };

  const render = (id: number): DeviceRender | undefined => {
    const facts = snapshot.devices.get(id);
    if (facts !== undefined) return renderDevice(snapshot, facts, clock.now());
    const external = snapshot.external.get(id);
    return external && renderExternal(external, clock.now());
  };
  const touch = (changes: readonly Change[], touched: ReadonlySet<number>): void => {
    for (const id of touched) {
      pending.devices.add(id);
      pending.own.add(id);
      const made = render(id);
      if (made === undefined) renders.delete(id);
      else renders.set(id, made);
      for (const state of registry.classes()) state.list.touch(id);
    }
    const saidOfRelays = network.saidOfRelays();
    const effects = network.update(changes, touched);
    if (network.saidOfRelays() !== saidOfRelays)
      for (const { device } of registry.streams()) pending.own.add(device);
    addEffects(pending, effects);
    if (dns.update(changes, touched, effects.standing.size > 0)) pending.dns = true;
    onApplied(changes, touched);
    for (const watcher of [...watchers]) watcher.applied(changes);
    schedule();
  };

  /** Puts a change into the snapshot, and names the devices that it is about. */
  const absorb = (change: Change, touched: Set<number>): void => {
    const carrier = (): void => {
      if (change.kind !== 'routePrimary') return;
      const device = snapshot.primaries.get(change.key)?.device;
      if (device !== undefined) touched.add(device);
    };
    if (change.kind === 'device' && change.after === null) {
      const facts = snapshot.devices.get(Number(change.key));
      if (facts !== undefined) lost.set(facts.device.id, { ...facts });
    }
    carrier();
    const id = snapshot.apply(change);
    carrier();
    if (id !== undefined) touched.add(id);
    if (renamesAll(change)) for (const device of snapshot.devices.keys()) touched.add(device);
    // Told to each device in its own node.
    if ((change.kind === 'setting' && TOLD_SETTINGS.has(change.key)) || switchesMagicDns(change))
      for (const { device } of registry.streams()) pending.own.add(device);
    if (change.kind === 'membership') pending.profiles.add(Number(change.key));
  };

  return {
    snapshot,
    clients: network.clients,
    watch: (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    get watcherCount() {
      return watchers.size;
    },
    apply: (changes) => {
      const touched = new Set<number>();
      for (const change of changes) absorb(change, touched);
      touch(changes, touched);
    },
    external: (devices) => touch([], devices),
    answer: (stream) => {
      const facts = snapshot.devices.get(stream.device);
      if (facts !== undefined) {
        const viewers = network.classOf(stream.device);
        broadcast.send(stream, firstMap(stream, createClassState(network, viewers, stream), facts));
      }
      stream.sink.end();
    },
    supersede: (device, since) => {
      const stream = registry.of(device);
      if (stream === undefined) return false;
      if (stream.openedAt > since) return true;
      registry.remove(stream);
      stream.sink.end();
      return false;
    },
    open: (stream) => {
      const facts = snapshot.devices.get(stream.device);
      const older = registry.of(stream.device);
      if (older !== undefined) {
        registry.remove(older);
        older.sink.end();
      }
      if (facts === undefined) return stream.sink.end();
      const message = firstMap(stream, registry.add(stream), facts);
      stream.ready = true;
      broadcast.send(stream, message);
    },
    close: (stream) => {
      const present = registry.of(stream.device) === stream;
      registry.remove(stream);
      return present;
    },
    drained: broadcast.catchUp,
    sshRule: network.sshRule,
    recordersOf: network.recordersOf,
    connected: (device) => registry.of(device)?.ready === true,
    send: (device, members) => {
      const stream = registry.of(device);
      if (stream === undefined || !stream.ready) return false;
      broadcast.sendMembers(stream, members);
      return true;
    },
    streams: registry.streams,
    get streamCount() {
      return registry.size;
    },
    relaysChanged: () => {
      for (const { device } of registry.streams()) pending.own.add(device);
      schedule();
    },
    expire: () => {
      const now = clock.now();
      const expired = new Set<number>();
      for (const [id, facts] of snapshot.devices) {
        const at = facts.device.keyExpiresAt;
        if (at !== null && at > lastExpiryCheck && at <= now && isExpired(facts.device, now)) expired.add(id);
      }
      for (const [id, { facts }] of snapshot.external) {
        const at = keyEnd(facts.device);
        if (at !== null && at > lastExpiryCheck && at <= now) expired.add(id);
      }
      lastExpiryCheck = now;
      if (expired.size > 0) touch([], expired);
      const effects = network.expire(now);
      if (effects !== undefined) {
        addEffects(pending, effects);
        for (const watcher of [...watchers]) watcher.applied([]);
        if (dns.update([], new Set(), effects.standing.size > 0)) pending.dns = true;
      }
      schedule();
    },
    forget: () => {
      for (const state of registry.classes()) state.list.forget();
    },
    stop: () => {
      clearTimeout(timer);
      for (const stream of registry.streams()) stream.sink.end();
      registry.clear();
      for (const watcher of [...watchers]) watcher.ended();
      watchers.clear();
    },
  };
}
