/**
 * What a process keeps in memory of an organization whose devices it serves: the facts that decide about packets, names and
 * presence. It is loaded once and then follows the change feed; applying a change twice, or one that the load already
 * held, changes nothing.
 */

import type { DnsConfig, PolicyVersion, Setting } from '../model/configuration.ts';
import type {
  Address,
  Device,
  DeviceAttribute,
  DeviceLive,
  Presence,
  ResolvedName,
  Route,
  RoutePrimary,
} from '../model/devices.ts';
import { type EntityKind, keyTextOf, type Row } from '../model/entities.ts';
import type { AccessEdge, Gateway } from '../model/networks.ts';
import type { Membership, Organization } from '../model/people.ts';
import { createAddressClaims } from '../networks/address-claims.ts';
import { type Change, changeOf, type Reader } from '../ports/store.ts';
import { type SettingName, type Settings, settingsOf } from '../settings/settings.ts';
import { createDeviceIndex } from './device-index.ts';

/** Everything about one device. The parts are replaced, never changed. */
export interface DeviceFacts {
  readonly device: Device;
  readonly live: DeviceLive | undefined;
  readonly presence: Presence | undefined;
  readonly addresses: readonly Address[];
  readonly tags: ReadonlySet<string>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly attributes: ReadonlyMap<string, DeviceAttribute>;
}

/** A device of another organization, as an organization's snapshot holds it. */
export interface ExternalDevice {
  /** A guest belongs to somebody who accepted a device of this organization; `shared-in` is one that somebody here accepted. */
  readonly kind: 'guest' | 'shared-in' | 'both';
  readonly facts: DeviceFacts;
  /** The organization that it belongs to. */
  readonly home: Organization;
  /** Whose it is; undefined when it is nobody's own. */
  readonly person: Membership | undefined;
  /** Who shared it, for one shared in. */
  readonly sharer: Membership | undefined;
}

export interface Snapshot {
  readonly organization: Organization;
  readonly devices: ReadonlyMap<number, DeviceFacts>;
  readonly memberships: ReadonlyMap<number, Membership>;
  /** By `network/prefix`. */
  readonly primaries: ReadonlyMap<string, RoutePrimary>;
  settings(): Settings;
  /** The row of a setting, if it was ever written. */
  setting(name: SettingName): Setting | undefined;
  dns(): DnsConfig | undefined;
  policy(): PolicyVersion | undefined;
  /** The rows of a kind by their key. */
  table<K extends TableKind>(kind: K): ReadonlyMap<string, Row<K>>;
  /** The gateways that a device stands for. */
  gatewaysOf(device: number): readonly Gateway[];
  /** The names that a device has resolved. */
  resolvedBy(device: number): readonly ResolvedName[];
  /** Whether an address is among the resources of another network, and not of this one: no name of this one leads there. */
  isClaimedElsewhere(network: number, address: string): boolean;
  /** The addresses of a service. */
  serviceAddresses(service: number): readonly string[];
  /** What a device serves, or may serve, of services. */
  servicesOf(device: number): Iterable<Row<'serviceHost'>>;
  /** Devices that serve, or may serve, any service. */
  serviceDevices(): Iterable<number>;
  /** The hosts of a service. */
  hostsOf(service: number): readonly Row<'serviceHost'>[];
  /** The members of a group, by the rows of the group: the group of everyone has none. */
  membersOf(group: number): readonly Row<'groupMember'>[];
  resourcesOf(network: number): readonly Row<'resource'>[];
  edgesOfResource(resource: number): readonly AccessEdge[];
  edgesOfPrincipal(principal: number): readonly AccessEdge[];
  locksOf(edge: number): readonly Row<'accessLock'>[];
  /** The addresses of an external client, IPv4 first. */
  clientAddresses(client: number): readonly string[];
  /** Devices of other organizations that are met here, by id. */
  readonly external: ReadonlyMap<number, ExternalDevice>;
  setExternal(id: number, external: ExternalDevice | undefined): void;
  /** Who accepted a device of this organization. */
  acceptsOf(device: number): readonly Row<'shareAccept'>[];
  /** Whether somebody of another organization accepted a device of this one. */
  hasAccepted(stranger: number): boolean;
  /** Whether a member accepted a device of another organization. */
  takesPart(membership: number): boolean;
  /** Who here accepted a device of another organization. */
  sharedIn(homeOrg: number, device: number): readonly Row<'sharedDevice'>[];
  /** The id of the device that the change is about, when it is about one. */
  apply(change: Change): number | undefined;
}

const SNAPSHOT_KINDS = [
  'device',
  'deviceLive',
  'presence',
  'address',
  'deviceTag',
  'route',
  'deviceAttribute',
  'routePrimary',
  'membership',
  'setting',
  'dnsConfig',
] as const satisfies readonly EntityKind[];

/** Kinds that are kept as plain tables: what the policy is applied to, beside devices and people. */
const TABLE_KINDS = [
  'group',
  'groupMember',
  'network',
  'gateway',
  'gatewayAgent',
  'extClient',
  'resource',
  'accessEdge',
  'accessLock',
  'securityPolicy',
  'networkRole',
  'groupNetworkRole',
  'service',
  'serviceHost',
  'serialNumber',
  'resolvedName',
  'shareAccept',
  'sharedDevice',
] as const satisfies readonly EntityKind[];
export type TableKind = (typeof TABLE_KINDS)[number];

const isTableKind = (kind: EntityKind): kind is TableKind =>
  (TABLE_KINDS as readonly EntityKind[]).includes(kind);

/** More rows of a kind than this do not fit the memory of one process. */
const MAX_ROWS = 2_000_000;

type MutableFacts = { -readonly [K in keyof DeviceFacts]: DeviceFacts[K] };

const without = <K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> => {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
};

/** Rows by a column of theirs. */
function createRowIndex<R>() {
  const rows = new Map<string, { readonly at: number; readonly row: R }>();
  const byColumn = new Map<number, Map<string, R>>();
  return {
    set: (key: string, row: R | undefined, at = 0): void => {
      const before = rows.get(key);
      if (before !== undefined) {
        const same = byColumn.get(before.at);
        same?.delete(key);
        if (same?.size === 0) byColumn.delete(before.at);
      }
      if (row === undefined) rows.delete(key);
      else {
        rows.set(key, { at, row });
        byColumn.set(at, (byColumn.get(at) ?? new Map<string, R>()).set(key, row));
      }
    },
    of: (at: number): readonly R[] => [...(byColumn.get(at)?.values() ?? [])],
  };
}

export function createSnapshot(organization: Organization): Snapshot {
  const devices = new Map<number, MutableFacts>();
  const memberships = new Map<number, Membership>();
  const primaries = new Map<string, RoutePrimary>();
  const settingRows = new Map<string, Setting>();
  const tables = new Map<TableKind, Map<string, Row<TableKind>>>(
    TABLE_KINDS.map((kind) => [kind, new Map()]),
  );
  const gateways = createDeviceIndex((row: Gateway) => row.device);
  const resolved = createDeviceIndex((row: ResolvedName) => row.device);
  const claims = createAddressClaims();
  const isActive = (network: number): boolean =>
    (tables.get('network')?.get(String(network)) as Row<'network'> | undefined)?.active === true;
  const serviceIps = new Map<number, readonly string[]>();
  /** By device, then by service. */
  const hosted = new Map<number, Map<number, Row<'serviceHost'>>>();
  const clientIps = new Map<number, readonly Address[]>();
  let settings: Settings = settingsOf([]);
  let dns: DnsConfig | undefined;
  let policy: PolicyVersion | undefined;

  /** Changes a device's facts, if the device is known. */
  const edit = (id: number, change: (facts: MutableFacts) => void): number | undefined => {
    const facts = devices.get(id);
    if (facts === undefined) return undefined;
    change(facts);
    return id;
  };

  const applyDevice = (change: Change<'device'>): number => {
    const id = Number(change.key);
    const row = change.after;
    if (row === null) devices.delete(id);
    else {
      const facts = devices.get(id);
      if (facts === undefined) {
        devices.set(id, {
          device: row,
          live: undefined,
          presence: undefined,
          addresses: [],
          tags: new Set(),
          routes: new Map(),
          attributes: new Map(),
        });
      } else facts.device = row;
    }
    return id;
  };

  const applyAddress = (change: Change<'address'>): number | undefined => {
    const row = change.after ?? change.before;
    if (row?.holderKind === 'service') {
      const others = (serviceIps.get(row.holder) ?? []).filter((ip) => ip !== row.ip);
      serviceIps.set(row.holder, change.after === null ? others : [...others, row.ip]);
    }
    if (row?.holderKind === 'ext-client') {
      const others = (clientIps.get(row.holder) ?? []).filter(({ ip }) => ip !== row.ip);
      const held = change.after === null ? others : [...others, row].sort((a, b) => a.family - b.family);
      if (held.length === 0) clientIps.delete(row.holder);
      else clientIps.set(row.holder, held);
    }
    if (row === null || row.holderKind !== 'device') return undefined;
    return edit(row.holder, (facts) => {
      const others = facts.addresses.filter(({ ip }) => ip !== row.ip);
      facts.addresses = change.after === null ? others : [...others, row].sort((a, b) => a.family - b.family);
    });
  };

  const external = new Map<number, ExternalDevice>();
  const accepts = createRowIndex<Row<'shareAccept'>>();
  const strangers = createRowIndex<Row<'shareAccept'>>();
  const shared = createRowIndex<Row<'sharedDevice'>>();
  const takers = createRowIndex<Row<'sharedDevice'>>();
  const applyShare = ({ kind, key, after }: Change): void => {
    if (kind === 'shareAccept') {
      const row = after ?? undefined;
      accepts.set(key, row, row?.device);
      strangers.set(key, row, row?.membership);
    }
    if (kind === 'sharedDevice') {
      const row = after ?? undefined;
      shared.set(key, row, row?.device);
      takers.set(key, row, row?.membership);
    }
  };
  const members = createRowIndex<Row<'groupMember'>>();
  const resources = createRowIndex<Row<'resource'>>();
  const resourceEdges = createRowIndex<AccessEdge>();
  const principalEdges = createRowIndex<AccessEdge>();
  const locks = createRowIndex<Row<'accessLock'>>();
  const applyAccess = ({ kind, key, after }: Change): void => {
    if (kind === 'groupMember') {
      const row = after ?? undefined;
      members.set(key, row, row?.group);
    }
    if (kind === 'resource') {
      const row = after ?? undefined;
      resources.set(key, row, row?.network);
    }
    if (kind === 'accessEdge') {
      const row = after ?? undefined;
      resourceEdges.set(key, row, row?.resource);
      principalEdges.set(key, row, row?.principal);
    }
    if (kind === 'accessLock') {
      const row = after ?? undefined;
      locks.set(key, row, row?.edge);
    }
  };
  const hosts = createRowIndex<Row<'serviceHost'>>();
  const applyServiceHost = ({ key, after }: Change<'serviceHost'>): void => {
    hosts.set(key, after ?? undefined, after?.service);
    const [service, device] = key.split('/').map(Number);
    if (service === undefined || device === undefined) return;
    const own = hosted.get(device) ?? new Map<number, Row<'serviceHost'>>();
    if (after === null) own.delete(service);
    else own.set(service, after);
    if (own.size === 0) hosted.delete(device);
    else hosted.set(device, own);
  };

  const keyParts = (key: string): [number, string] => {
    const slash = key.indexOf('/');
    return [Number(key.slice(0, slash)), key.slice(slash + 1)];
  };

  return {
    organization,
    devices,
    memberships,
    primaries,
    settings: () => settings,
    setting: (name) => settingRows.get(name),
    dns: () => dns,
    policy: () => policy,
    resolvedBy: resolved.of,
    isClaimedElsewhere: (network, address) => claims.claimant(network, address, isActive) !== undefined,
    gatewaysOf: gateways.of,
    serviceAddresses: (service) => serviceIps.get(service) ?? [],
    external,
    setExternal: (id, device) => {
      if (device === undefined) external.delete(id);
      else external.set(id, device);
    },
    acceptsOf: (device) => accepts.of(device),
    hasAccepted: (stranger) => strangers.of(stranger).length > 0,
    takesPart: (membership) => takers.of(membership).length > 0,
    sharedIn: (homeOrg, device) => shared.of(device).filter((row) => row.homeOrg === homeOrg),
    servicesOf: (device) => hosted.get(device)?.values() ?? [],
    serviceDevices: () => hosted.keys(),
    hostsOf: hosts.of,
    membersOf: members.of,
    resourcesOf: resources.of,
    edgesOfResource: resourceEdges.of,
    edgesOfPrincipal: principalEdges.of,
    locksOf: locks.of,
    clientAddresses: (client) => (clientIps.get(client) ?? []).map(({ ip }) => ip),
    // Each table was filled with rows of its own kind.
    table: <K extends TableKind>(kind: K) =>
      (tables.get(kind) ?? new Map()) as unknown as ReadonlyMap<string, Row<K>>,
    apply: (change) => {
      switch (change.kind) {
        case 'device':
          return applyDevice(change);
        case 'deviceLive': {
          const row = change.after ?? undefined;
          return edit(Number(change.key), (facts) => {
            facts.live = row;
          });
        }
        case 'presence': {
          const row = change.after ?? undefined;
          return edit(Number(change.key), (facts) => {
            facts.presence = row;
          });
        }
        case 'address':
          return applyAddress(change);
        case 'deviceTag': {
          const [id, tag] = keyParts(change.key);
          return edit(id, (facts) => {
            const tags = new Set(facts.tags);
            if (change.after === null) tags.delete(tag);
            else tags.add(tag);
            facts.tags = tags;
          });
        }
        case 'route': {
          const [id, prefix] = keyParts(change.key);
          const row = change.after;
          return edit(id, (facts) => {
            facts.routes =
              row === null ? without(facts.routes, prefix) : new Map(facts.routes).set(prefix, row);
          });
        }
        case 'deviceAttribute': {
          const [id, key] = keyParts(change.key);
          const row = change.after;
          return edit(id, (facts) => {
            facts.attributes =
              row === null ? without(facts.attributes, key) : new Map(facts.attributes).set(key, row);
          });
        }
        case 'routePrimary': {
          const row = change.after;
          if (row === null) primaries.delete(change.key);
          else primaries.set(change.key, row);
          return undefined;
        }
        case 'membership': {
          const row = change.after;
          if (row === null) memberships.delete(Number(change.key));
          else memberships.set(row.id, row);
          return undefined;
        }
        case 'setting': {
          const row = change.after;
          if (row === null) settingRows.delete(change.key);
          else settingRows.set(change.key, row);
          settings = settingsOf(settingRows.values());
          return undefined;
        }
        case 'dnsConfig':
          dns = change.after ?? undefined;
          return undefined;
        case 'policyVersion': {
          const row = change.after;
          if (row !== null && row.version >= (policy?.version ?? 0)) policy = row;
          return undefined;
        }
        default: {
          if (!isTableKind(change.kind)) return undefined;
          applyShare(change);
          applyAccess(change);
          if (change.kind === 'serviceHost') applyServiceHost(change);
          if (change.kind === 'gateway') gateways.set(change.key, change.after ?? undefined);
          if (change.kind === 'resolvedName') resolved.set(change.key, change.after ?? undefined);
          if (change.kind === 'resource') claims.set(Number(change.key), change.after ?? undefined);
          const row = (change as Change<TableKind>).after;
          if (row === null) tables.get(change.kind)?.delete(change.key);
          else tables.get(change.kind)?.set(change.key, row);
          return undefined;
        }
      }
    },
  };
}

/** Fills a snapshot from the store. Follow the feed from a sequence that was read before. */
export async function loadSnapshot(reader: Reader, organization: Organization): Promise<Snapshot> {
  const snapshot = createSnapshot(organization);
  const org = organization.id;
  for (const kind of [...SNAPSHOT_KINDS, ...TABLE_KINDS]) {
    for (const row of await reader.find(kind, org, {}, MAX_ROWS)) {
      const key = keyTextOf(kind, row as never);
      snapshot.apply(changeOf({ org, seq: 0, kind, key, before: null, after: row, at: 0 }));
    }
  }
  const [policy] = await reader.list('policyVersion', org, {
    orderBy: [{ column: 'version', descending: true }],
    limit: 1,
  });
  if (policy !== undefined) {
    snapshot.apply({
      org,
      seq: 0,
      kind: 'policyVersion',
      key: String(policy.id),
      before: null,
      after: policy,
      at: 0,
    });
  }
  return snapshot;
}
