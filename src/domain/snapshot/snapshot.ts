/**
 * What a process keeps in memory of an organization whose devices it serves: the facts that decide about packets, names and
 * presence. It is loaded once and then follows the change feed; applying a change twice, or one that the load already
 * held, changes nothing.
 */

import type { DnsConfig, PolicyVersion } from '../model/configuration.ts';
import type {
  Address,
  Device,
  DeviceAttribute,
  DeviceLive,
  Presence,
  Route,
  RoutePrimary,
} from '../model/devices.ts';
import type { EntityKind } from '../model/entities.ts';
import type { Membership, Organization } from '../model/people.ts';
import type { Change, Reader } from '../ports/store.ts';
import { type Settings, settingsOf } from '../settings/settings.ts';

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

export interface Snapshot {
  readonly organization: Organization;
  readonly devices: ReadonlyMap<number, DeviceFacts>;
  readonly memberships: ReadonlyMap<number, Membership>;
  /** By `network/prefix`. */
  readonly primaries: ReadonlyMap<string, RoutePrimary>;
  settings(): Settings;
  dns(): DnsConfig | undefined;
  policy(): PolicyVersion | undefined;
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
  'policyVersion',
] as const satisfies readonly EntityKind[];

/** More rows of a kind than this do not fit the memory of one process. */
const MAX_ROWS = 2_000_000;

type MutableFacts = { -readonly [K in keyof DeviceFacts]: DeviceFacts[K] };

const without = <K, V>(map: ReadonlyMap<K, V>, key: K): Map<K, V> => {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
};

export function createSnapshot(organization: Organization): Snapshot {
  const devices = new Map<number, MutableFacts>();
  const memberships = new Map<number, Membership>();
  const primaries = new Map<string, RoutePrimary>();
  const settingRows = new Map<string, { name: string; value: unknown }>();
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
    if (row === null || row.holderKind !== 'device') return undefined;
    return edit(row.holder, (facts) => {
      const others = facts.addresses.filter(({ ip }) => ip !== row.ip);
      facts.addresses = change.after === null ? others : [...others, row].sort((a, b) => a.family - b.family);
    });
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
    dns: () => dns,
    policy: () => policy,
    apply: (change) => {
      // The feed pairs each kind with its own rows; the narrowing below restores what the union lost.
      switch (change.kind) {
        case 'device':
          return applyDevice(change as Change<'device'>);
        case 'deviceLive': {
          const row = (change as Change<'deviceLive'>).after ?? undefined;
          return edit(Number(change.key), (facts) => {
            facts.live = row;
          });
        }
        case 'presence': {
          const row = (change as Change<'presence'>).after ?? undefined;
          return edit(Number(change.key), (facts) => {
            facts.presence = row;
          });
        }
        case 'address':
          return applyAddress(change as Change<'address'>);
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
          const row = (change as Change<'route'>).after;
          return edit(id, (facts) => {
            facts.routes =
              row === null ? without(facts.routes, prefix) : new Map(facts.routes).set(prefix, row);
          });
        }
        case 'deviceAttribute': {
          const [id, key] = keyParts(change.key);
          const row = (change as Change<'deviceAttribute'>).after;
          return edit(id, (facts) => {
            facts.attributes =
              row === null ? without(facts.attributes, key) : new Map(facts.attributes).set(key, row);
          });
        }
        case 'routePrimary': {
          const row = (change as Change<'routePrimary'>).after;
          if (row === null) primaries.delete(change.key);
          else primaries.set(change.key, row);
          return undefined;
        }
        case 'membership': {
          const row = (change as Change<'membership'>).after;
          if (row === null) memberships.delete(Number(change.key));
          else memberships.set(row.id, row);
          return undefined;
        }
        case 'setting': {
          const row = (change as Change<'setting'>).after;
          if (row === null) settingRows.delete(change.key);
          else settingRows.set(change.key, row);
          settings = settingsOf(settingRows.values());
          return undefined;
        }
        case 'dnsConfig':
          dns = (change as Change<'dnsConfig'>).after ?? undefined;
          return undefined;
        case 'policyVersion': {
          const row = (change as Change<'policyVersion'>).after;
          if (row !== null && row.version >= (policy?.version ?? 0)) policy = row;
          return undefined;
        }
        default:
          return undefined;
      }
    },
  };
}

/** Fills a snapshot from the store. Follow the feed from a sequence that was read before. */
export async function loadSnapshot(reader: Reader, organization: Organization): Promise<Snapshot> {
  const snapshot = createSnapshot(organization);
  const org = organization.id;
  const load = async <K extends (typeof SNAPSHOT_KINDS)[number]>(
    kind: K,
    keyOf: (row: never) => string,
  ): Promise<void> => {
    for (const row of await reader.find(kind, org, {}, MAX_ROWS)) {
      snapshot.apply({
        org,
        seq: 0,
        kind,
        key: keyOf(row as never),
        before: null,
        after: row as never,
        at: 0,
      });
    }
  };
  const byId = (row: { id: number }): string => String(row.id);
  const byDevice = (row: { device: number }): string => String(row.device);
  await load('device', byId);
  await load('deviceLive', byDevice);
  await load('presence', byDevice);
  await load('address', (row: Address) => row.ip);
  await load('deviceTag', (row: { device: number; tag: string }) => `${row.device}/${row.tag}`);
  await load('route', (row: Route) => `${row.device}/${row.prefix}`);
  await load('deviceAttribute', (row: DeviceAttribute) => `${row.device}/${row.keyLower}`);
  await load('routePrimary', (row: RoutePrimary) => `${row.network}/${row.prefix}`);
  await load('membership', byId);
  await load('setting', (row: { name: string }) => row.name);
  await load('dnsConfig', byId);
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
