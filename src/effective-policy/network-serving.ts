/** What the gateways of a network do for its resources: which devices they are, what they resolved, what they carry. */
import { isAmongDevices } from '../domain/model/device-blocks.ts';
import type { Row } from '../domain/model/entities.ts';
import type { Resource } from '../domain/model/networks.ts';
import { claimOf } from '../domain/networks/address-claims.ts';
import { isBound } from '../domain/networks/gateway-binding.ts';
import { isPatternName, isResolvable, nameTest, normalName } from '../domain/networks/resource-names.ts';
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import {
  formatPrefix,
  isDefaultRoute,
  masked,
  type Prefix,
  parseAddr,
  parseAddrOrPrefix,
  prefixContains,
} from '../kernel/netip/index.ts';

/** The devices that serve a network now. */
export const servingDevices = (snapshot: Snapshot, network: number): number[] =>
  [...snapshot.table('gateway').values()].flatMap((gateway) =>
    gateway.network === network && isBound(gateway) ? [gateway.device] : [],
  );

/** The addresses that the gateways of a resource's network have found for its name or names. */
export function resolvedAddresses(snapshot: Snapshot, resource: Resource): string[] {
  if (resource.addressKind !== 'dns') return [];
  const devices = new Set(servingDevices(snapshot, resource.network));
  if (devices.size === 0) return [];
  const names = snapshot.table('resolvedName');
  const own = normalName(resource.addressText);
  const fits = nameTest(resource);
  const rows = isPatternName(own)
    ? [...names.values()].filter(({ device, name }) => fits(name) && devices.has(device))
    : [...devices].flatMap((device) => names.get(`${device}/${own}`) ?? []);
  const found = new Set(rows.flatMap(({ addresses }) => addresses.filter(isResolvable)));
  return [...found].filter((address) => !snapshot.isClaimedElsewhere(resource.network, address)).sort();
}

/**
 * By network, the names that lead somewhere else after these changes, because an address became a resource of some network or
 * ceased to be one.
 */
export function namesClaimed(
  snapshot: Snapshot,
  changes: readonly Change[],
): ReadonlyMap<number, ReadonlySet<string>> {
  const prefixes = changes.flatMap((change) => claimsChanged(snapshot, change));
  const found = new Map<number, Set<string>>();
  if (prefixes.length === 0) return found;
  for (const { device, name, addresses } of snapshot.table('resolvedName').values()) {
    const concerned = addresses.some((text) => {
      const addr = parseAddr(text);
      return addr !== undefined && prefixes.some((prefix) => prefixContains(prefix, addr));
    });
    if (!concerned) continue;
    for (const { network } of snapshot.gatewaysOf(device)) {
      found.set(network, (found.get(network) ?? new Set<string>()).add(name));
    }
  }
  return found;
}

function claimsChanged(snapshot: Snapshot, { kind, key, before, after }: Change): Prefix[] {
  if (kind === 'network') {
    if ((before as Row<'network'> | null)?.active === (after as Row<'network'> | null)?.active) return [];
    return snapshot.resourcesOf(Number(key)).flatMap((resource) => claimOf(resource) ?? []);
  }
  if (kind !== 'resource') return [];
  const rows = [before, after] as readonly (Resource | null)[];
  const [was, is] = rows.map((row) => (row === null ? undefined : claimOf(row)));
  const same =
    rows[0]?.network === rows[1]?.network &&
    (was === undefined ? is === undefined : is !== undefined && formatPrefix(was) === formatPrefix(is));
  return same ? [] : [was, is].filter((prefix) => prefix !== undefined);
}

/** What the gateways of a network carry for its resources: the prefixes of addresses and of names that were resolved. */
export function networkPrefixes(snapshot: Snapshot, network: number): string[] {
  if (snapshot.table('network').get(String(network))?.active !== true) return [];
  const prefixes = new Set<string>();
  for (const resource of snapshot.resourcesOf(network)) {
    if (!resource.active || resource.bypass) continue;
    const own = parseAddrOrPrefix(resource.addressText);
    const all = own === undefined ? resolvedAddresses(snapshot, resource).map(parseAddrOrPrefix) : [own];
    for (const prefix of all) {
      // A gateway that is an exit node says so by itself: a default route is never pushed to one.
      if (prefix === undefined || isDefaultRoute(prefix) || isAmongDevices(masked(prefix))) continue;
      prefixes.add(formatPrefix(masked(prefix)));
    }
  }
  return [...prefixes].sort();
}
