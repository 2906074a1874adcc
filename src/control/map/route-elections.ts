/**
 * Keeps one carrier for each route: looks again at what a device serves whenever it, or what decides about it, changes.
 * Routes that are enabled on devices compete over the whole organization, those that resources put on the gateways of a
 * network compete in that network: equal prefixes of two networks are two routes.
 */
import { electPrimary } from '../../domain/devices/primaries.ts';
import { isEffective, isExitPrefix } from '../../domain/devices/routes.ts';
import { isBound } from '../../domain/networks/gateway-binding.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { networkPrefixes } from '../../effective-policy/network-serving.ts';
import { formatPrefix, parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import { servedBy } from './service-caps.ts';

/** Routes outside any network compete as network 0. */
const NO_NETWORK = 0;

export interface Election {
  readonly network: number;
  readonly prefix: string;
  /** Undefined: nobody serves it any more. */
  readonly device: number | undefined;
}

export interface RouteElections {
  /** The routes whose carrier should be another, after these changes touched these devices. */
  after(changes: readonly Change[], touched: ReadonlySet<number>): Election[];
  /** All routes, when the snapshot has been loaded. */
  all(): Election[];
}

/** Whether a device may carry anything: approved, not blocked, of an owner who is not suspended. */
function takesPart(snapshot: Snapshot, { device }: DeviceFacts): boolean {
  if (device.authorizedAt === null || device.blockedAt !== null || device.archivedAt !== null) return false;
  if (device.ownerKind !== 'membership') return true;
  const owner = snapshot.memberships.get(device.owner);
  return owner !== undefined && owner.suspendedAt === null;
}

/** Changes that may make gateways carry something else. */
const GATEWAY_KINDS: ReadonlySet<string> = new Set(['gateway', 'resource', 'network', 'resolvedName']);

const keyOf = (network: number, prefix: string): string => `${network}/${prefix}`;

function electionKey(key: string): { network: number; prefix: string } {
  const slash = key.indexOf('/');
  return { network: Number(key.slice(0, slash)), prefix: key.slice(slash + 1) };
}

export function createRouteElections(snapshot: Snapshot): RouteElections {
  const servers = new Map<string, Set<number>>();
  const served = new Map<number, ReadonlySet<string>>();

  const servedNow = (id: number): ReadonlySet<string> => {
    const facts = snapshot.devices.get(id);
    const keys = new Set<string>();
    if (facts === undefined || !takesPart(snapshot, facts)) return keys;
    for (const route of facts.routes.values()) {
      if (isEffective(route, isSuspended) && !isExitPrefix(route.prefix))
        keys.add(keyOf(NO_NETWORK, route.prefix));
    }
    for (const service of servedBy(snapshot, id)) {
      for (const ip of snapshot.serviceAddresses(service.id)) {
        const address = parseAddrOrPrefix(ip);
        if (address !== undefined) keys.add(keyOf(NO_NETWORK, formatPrefix(address)));
      }
    }
    for (const gateway of snapshot.table('gateway').values()) {
      if (gateway.device !== id || !isBound(gateway)) continue;
      for (const prefix of networkPrefixes(snapshot, gateway.network))
        keys.add(keyOf(gateway.network, prefix));
    }
    return keys;
  };

  const isSuspended = (membership: number): boolean =>
    (snapshot.memberships.get(membership)?.suspendedAt ?? null) !== null;

  const elect = (key: string): Election[] => {
    const candidates = [...(servers.get(key) ?? [])].map((device) => ({
      device,
      online: snapshot.devices.get(device)?.presence?.online ?? false,
    }));
    const current = snapshot.primaries.get(key)?.device;
    const device = electPrimary(candidates, current);
    return device === current ? [] : [{ ...electionKey(key), device }];
  };

  const look = (devices: Iterable<number>): Election[] => {
    const affected = new Set<string>();
    for (const id of devices) {
      const before = served.get(id);
      const now = servedNow(id);
      if (before === undefined && now.size === 0) continue;
      for (const key of before ?? []) {
        affected.add(key);
        if (!now.has(key)) servers.get(key)?.delete(id);
      }
      for (const key of now) {
        affected.add(key);
        const devicesOfKey = servers.get(key);
        if (devicesOfKey === undefined) servers.set(key, new Set([id]));
        else devicesOfKey.add(id);
      }
      if (now.size === 0) served.delete(id);
      else served.set(id, now);
    }
    return [...affected].flatMap(elect);
  };

  /** Devices that a change concerns though it is not about them. */
  const concerned = (changes: readonly Change[]): Set<number> => {
    const devices = new Set<number>();
    let gateways = false;
    for (const { kind, key } of changes) {
      if (kind === 'serviceHost') devices.add(Number(key.slice(key.indexOf('/') + 1)));
      if (kind === 'service') {
        for (const host of snapshot.table('serviceHost').values())
          if (host.service === Number(key)) devices.add(host.device);
      }
      if (GATEWAY_KINDS.has(kind)) gateways = true;
      if (kind !== 'membership') continue;
      for (const { device } of snapshot.devices.values()) {
        if (device.ownerKind === 'membership' && device.owner === Number(key)) devices.add(device.id);
      }
      for (const [id, { routes }] of snapshot.devices) {
        if ([...routes.values()].some(({ manualBy }) => manualBy === Number(key))) devices.add(id);
      }
    }
    if (gateways) {
      for (const id of served.keys()) devices.add(id);
      for (const { device } of snapshot.table('gateway').values()) if (device !== null) devices.add(device);
    }
    return devices;
  };

  return {
    after: (changes, touched) => look(new Set([...touched, ...concerned(changes)])),
    all: () => look(snapshot.devices.keys()),
  };
}
