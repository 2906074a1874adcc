/**
 * What a process keeps in memory of an organization whose devices it serves: the facts that decide about packets, names and
 * presence. It is loaded once and then follows the change feed; applying a change twice, or one that the load already
 * held, changes nothing.
 */

import type { DnsConfig, PolicyVersion, Setting } from '../model/configuration.ts';
import type { ResolvedName, RoutePrimary } from '../model/devices.ts';
import type { Row } from '../model/entities.ts';
import type { AccessEdge, Gateway, Network } from '../model/networks.ts';
import type { Membership, Organization } from '../model/people.ts';
import { createAddressClaims } from '../networks/address-claims.ts';
import type { Change } from '../ports/store.ts';
import { type SettingName, type Settings, settingsOf } from '../settings/settings.ts';
import { createDeviceTable, type DeviceFacts } from './device-facts.ts';
import { createHeldAddresses } from './held-addresses.ts';
import { createTableIndexes } from './table-indexes.ts';
import { isTableKind, TABLE_KINDS, type TableKind } from './table-kinds.ts';

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
  /** As it is now; a row of the installation, whose feed it comes from. */
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
  /** The addresses of a service, IPv4 first. */
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

/** The rows of each kind by their keys. */
function createTables() {
  const tables = new Map<TableKind, Map<string, Row<TableKind>>>(
    TABLE_KINDS.map((kind) => [kind, new Map()]),
  );
  return {
    // Each table is filled with rows of its own kind.
    of: <K extends TableKind>(kind: K) =>
      (tables.get(kind) ?? new Map()) as unknown as ReadonlyMap<string, Row<K>>,
    apply: ({ kind, key, after }: Change<TableKind>): void => {
      if (after === null) tables.get(kind)?.delete(key);
      else tables.get(kind)?.set(key, after);
    },
  };
}

function put<K, R>(rows: Map<K, R>, key: K, row: R | null): void {
  if (row === null) rows.delete(key);
  else rows.set(key, row);
}

export function createSnapshot(loaded: Organization): Snapshot {
  let organization = loaded;
  const { devices, apply: applyToDevice } = createDeviceTable();
  const memberships = new Map<number, Membership>();
  const primaries = new Map<string, RoutePrimary>();
  const settingRows = new Map<string, Setting>();
  const external = new Map<number, ExternalDevice>();
  const tables = createTables();
  const indexes = createTableIndexes();
  const addresses = createHeldAddresses();
  const claims = createAddressClaims();
  let settings: Settings = settingsOf([]);
  let dns: DnsConfig | undefined;
  let policy: PolicyVersion | undefined;

  const isActive = (network: Network['id']): boolean =>
    tables.of('network').get(String(network))?.active === true;

  return {
    get organization() {
      return organization;
    },
    devices,
    memberships,
    primaries,
    external,
    setExternal: (id, device) => put(external, id, device ?? null),
    settings: () => settings,
    setting: (name) => settingRows.get(name),
    dns: () => dns,
    policy: () => policy,
    table: tables.of,
    gatewaysOf: indexes.gateways.of,
    resolvedBy: indexes.resolvedNames.of,
    isClaimedElsewhere: (network, address) => claims.claimant(network, address, isActive) !== undefined,
    serviceAddresses: (service) => addresses.of('service', service),
    servicesOf: indexes.hostsByDevice.of,
    serviceDevices: indexes.hostsByDevice.columns,
    hostsOf: indexes.hostsByService.of,
    membersOf: indexes.members.of,
    resourcesOf: indexes.resources.of,
    edgesOfResource: indexes.edgesByResource.of,
    edgesOfPrincipal: indexes.edgesByPrincipal.of,
    locksOf: indexes.locks.of,
    clientAddresses: (client) => addresses.of('ext-client', client),
    acceptsOf: indexes.acceptsByDevice.of,
    hasAccepted: (stranger) => indexes.acceptsByStranger.of(stranger).length > 0,
    takesPart: (membership) => indexes.sharedByTaker.of(membership).length > 0,
    sharedIn: (homeOrg, device) => indexes.sharedByDevice.of(device).filter((row) => row.homeOrg === homeOrg),
    apply: (change) => {
      switch (change.kind) {
        case 'organization':
          if (change.after?.id === organization.id) organization = change.after;
          return undefined;
        case 'address':
          addresses.apply(change);
          return applyToDevice(change);
        case 'device':
        case 'deviceLive':
        case 'presence':
        case 'deviceTag':
        case 'route':
        case 'deviceAttribute':
          return applyToDevice(change);
        case 'routePrimary':
          put(primaries, change.key, change.after);
          return undefined;
        case 'membership':
          put(memberships, Number(change.key), change.after);
          return undefined;
        case 'setting':
          put(settingRows, change.key, change.after);
          settings = settingsOf(settingRows.values());
          return undefined;
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
          const row = change as Change<TableKind>;
          tables.apply(row);
          indexes.apply(row);
          if (row.kind === 'resource') claims.set(Number(row.key), row.after ?? undefined);
          return undefined;
        }
      }
    },
  };
}
