/** Which way packets of a source take to an address, and whether its map has that way. */
import { type Addr, type IpSet, isEmptySet } from '../../kernel/netip/index.ts';
import { DISABLE_IPV4 } from '../engine/caps.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import type { Endpoint } from '../evaluate/endpoint.ts';
import { isForeign } from './across.ts';
import { type Path, pathsTo } from './places.ts';

/** The destination address that is asked about: IPv4 if both sides have it. */
export function addressOf(from: Endpoint, to: Endpoint): Addr | undefined {
  const v4 = to.addresses.v4[0];
  const v6 = to.addresses.v6[0];
  const speaks4 =
    (isEmptySet(from.addresses) || from.addresses.v4.length > 0) && hasIPv4(from) && hasIPv4(to);
  if (v4 !== undefined && (speaks4 || v6 === undefined)) return { family: 4, value: v4 };
  return v6 === undefined ? undefined : { family: 6, value: v6 };
}

/** The IPv6 address beside an IPv4 one: connections by name try both. */
export function secondAddressOf(from: Endpoint, to: Endpoint, first: Addr | undefined): Addr | undefined {
  const v6 = to.addresses.v6[0];
  const speaks6 = isEmptySet(from.addresses) || from.addresses.v6.length > 0;
  return first?.family === 4 && v6 !== undefined && speaks6 ? { family: 6, value: v6 } : undefined;
}

const hasIPv4 = ({ device }: Endpoint): boolean =>
  device === undefined || !(DISABLE_IPV4 in device.profile.caps);

export function ofFamily(endpoint: Endpoint, family: 4 | 6): Endpoint {
  const { v4, v6 } = endpoint.addresses;
  const addresses: IpSet = family === 4 ? { v4, v6: [] } : { v4: [], v6 };
  return { ...endpoint, addresses };
}

/** The way that the source has, else the one that it would have; `network`: only through the gateways of that one. */
export function wayOf(
  engine: PolicyEngine,
  from: Endpoint,
  addr: Addr,
  network: number | undefined,
): Path | undefined {
  const all = pathsTo(engine.core, addr, from.device);
  const paths = network === undefined ? all : all.filter((one) => one.network === network);
  return (
    paths.find((one) => isOwnWay(from, one)) ??
    paths.find((one) => isCarried(engine, from, addr, one)) ??
    paths[0]
  );
}

/** Whether there is no choice for the source: it carries the route, or has one gateway for everything. */
const isOwnWay = ({ device }: Endpoint, { receiver }: Path): boolean =>
  device !== undefined && (receiver === device || receiver.id === device.input.behind);

/** Whether the source's map leads there; what maps of others hold is not known, and an address alone has none. */
export function isCarried(
  engine: PolicyEngine,
  { device }: Endpoint,
  addr: Addr,
  { receiver, route }: Path,
): boolean {
  if (device === undefined || isForeign(device)) return true;
  if (device.input.behind !== undefined) return receiver.id === device.input.behind;
  const own = receiver.addresses.find(
    (one) => one.addr.family === addr.family && one.addr.value === addr.value,
  );
  const wanted = route ?? own?.prefix;
  if (wanted === undefined) return true;
  return (
    engine.sees(device.id, receiver.id) && engine.view(device.id, receiver.id).allowedIPs.includes(wanted)
  );
}

/** What keeps packets that the receiver would take from getting there. */
export function whyNotCarried({ device }: Endpoint, { route, exit }: Path): string {
  if (device?.input.behind !== undefined)
    return 'a plain client reaches its gateway, and what that routes, alone';
  if (route === undefined) return 'IPv4 is switched off for one of the two: ask about the IPv6 address';
  return exit
    ? 'the source is given no exit node for it: rules to * or autogroup:internet do that, those to addresses do not'
    : `the source does not get the route ${route}: no carrier of it is connected, or another one goes before`;
}
