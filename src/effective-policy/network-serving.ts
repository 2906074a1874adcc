/** What the gateways of a network do for its resources: which devices they are, what they resolved, what they carry. */
import type { Resource } from '../domain/model/networks.ts';
import { isBound } from '../domain/networks/gateway-binding.ts';
import { isPatternName, isResolvable, nameTest, normalName } from '../domain/networks/resource-names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { formatPrefix, isDefaultRoute, masked, parseAddrOrPrefix } from '../kernel/netip/index.ts';

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
  return [...found].sort();
}

/** What the gateways of a network carry for its resources: the prefixes of addresses and of names that were resolved. */
export function networkPrefixes(snapshot: Snapshot, network: number): string[] {
  if (snapshot.table('network').get(String(network))?.active !== true) return [];
  const prefixes = new Set<string>();
  for (const resource of snapshot.table('resource').values()) {
    if (resource.network !== network || !resource.active || resource.bypass) continue;
    const own = parseAddrOrPrefix(resource.addressText);
    const all = own === undefined ? resolvedAddresses(snapshot, resource).map(parseAddrOrPrefix) : [own];
    for (const prefix of all) {
      // A gateway that is an exit node says so by itself: a default route is never pushed to one.
      if (prefix !== undefined && !isDefaultRoute(prefix)) prefixes.add(formatPrefix(masked(prefix)));
    }
  }
  return [...prefixes].sort();
}
