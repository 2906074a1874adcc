/**
 * The routes that a device carries for networks that it serves: they follow from resources and accesses, and nobody enables
 * them on the device. What is told here is what the policy routes (its engine decides about packets, not this).
 */
import { formatPrefix, isDefaultRoute, masked, parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import { isExitPrefix } from '../devices/routes.ts';
import { isAmongDevices } from '../model/device-blocks.ts';
import type { Gateway, Network, Resource } from '../model/networks.ts';
import type { ManagedRoutes } from '../ports/queries.ts';
import { type Condition, exists, type Reader } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { type ClaimantOf, readClaims } from './address-claims.ts';
import { isBound } from './gateway-binding.ts';
import { openingAmong } from './network-reach.ts';
import { isResolvable, nameTest } from './resource-names.ts';

const MANY = 100_000;
/** Up to this many devices gateways are asked for by device, beyond it for the whole organization. */
const MAX_BY_ID = 50;

/** By device; devices that serve no network are absent. */
export async function managedRoutes(
  reader: Reader,
  org: number,
  devices: readonly number[],
  now: number,
): Promise<ReadonlyMap<number, ManagedRoutes>> {
  const some = devices.length > MAX_BY_ID ? {} : { device: devices };
  const wanted = new Set(devices);
  const gateways = (await reader.find('gateway', org, some, MANY))
    .filter(isBound)
    .filter(({ device }) => wanted.has(device));
  if (gateways.length === 0) return new Map();
  const ids = [...new Set(gateways.map(({ network }) => network))];
  const networks = await reader.find('network', org, { id: ids, active: true }, MANY);
  const active = networks.map(({ id }) => id);
  const where = { network: active, active: true, bypass: false };
  const [all, open, names] = await Promise.all([
    reader.find('resource', org, where, MANY),
    reader.list('resource', org, { where, condition: await isOpened(reader, org, active, now), limit: MANY }),
    namesOf(reader, org, active),
  ]);
  const claims = [...names.values()].flat().length === 0 ? undefined : await readClaims(reader, org);
  const opened = new Set(open.map(({ id }) => id));
  return new Map(
    [...new Set(gateways.map(({ device }) => device))].map((device) => {
      const served = new Set(gateways.filter((one) => one.device === device).map(({ network }) => network));
      const own = all.filter(({ network }) => served.has(network));
      const prefixes = (some: readonly Resource[]): ReadonlySet<string> =>
        new Set(some.flatMap((resource) => prefixesOf(resource, names.get(resource.network) ?? [], claims)));
      return [
        device,
        {
          carried: prefixes(own.filter(({ id }) => opened.has(id))),
          pushed: prefixes(own),
          exit: networks.some(({ id, kind }) => kind === 'exit' && served.has(id)),
        },
      ];
    }),
  );
}

/** What of a device's advertised prefixes was not pushed to it, and what it carries for networks, unless it is out of force. */
export function splitRoutes(
  managed: ManagedRoutes,
  advertised: readonly string[],
  inForce: boolean,
): { readonly advertised: readonly string[]; readonly managed: readonly string[] } {
  const exits = managed.exit ? advertised.filter(isExitPrefix) : [];
  return {
    advertised: advertised.filter((prefix) => !managed.pushed.has(prefix)),
    managed: inForce ? [...exits, ...managed.carried] : [],
  };
}

interface FoundName {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** What the gateways of each network have found for names. */
async function namesOf(
  reader: Reader,
  org: number,
  networks: readonly Network['id'][],
): Promise<ReadonlyMap<number, readonly FoundName[]>> {
  const gateways = (await reader.find('gateway', org, { network: networks }, MANY)).filter(isBound);
  const devices = [...new Set(gateways.map(({ device }) => device))];
  const rows = await reader.find('resolvedName', org, { device: devices }, MANY);
  const found = new Map<number, FoundName[]>();
  for (const { network, device } of gateways) {
    const own = rows.filter((row) => row.device === device);
    found.set(network, [...(found.get(network) ?? []), ...own]);
  }
  return found;
}

function prefixesOf(
  resource: Resource,
  names: readonly FoundName[],
  claimantOf: ClaimantOf | undefined,
): string[] {
  const fits = nameTest(resource);
  const texts =
    resource.addressKind === 'dns'
      ? names
          .filter(({ name }) => fits(name))
          .flatMap(({ addresses }) =>
            addresses.filter(
              (address) => isResolvable(address) && claimantOf?.(resource.network, address) === undefined,
            ),
          )
      : [resource.addressText];
  return texts
    .map(parseAddrOrPrefix)
    .filter((prefix) => prefix !== undefined)
    .map(masked)
    .filter((prefix) => !isDefaultRoute(prefix) && !isAmongDevices(prefix))
    .map((prefix) => formatPrefix(prefix));
}

/** Some edge leads to it, or it is open to those who hold a role on its network. */
async function isOpened(
  reader: Reader,
  org: number,
  networks: readonly Gateway['network'][],
  now: number,
): Promise<Condition<'resource'>> {
  const active: Condition<'group'> = { column: 'active', operator: '=', value: true };
  const isNow: Condition<'accessEdge'> = {
    anyOf: [
      { column: 'expiresAt', operator: 'is-null' },
      { column: 'expiresAt', operator: '>', value: now },
    ],
  };
  const isPrincipal: Condition<'accessEdge'> = {
    anyOf: [
      { column: 'principalKind', operator: '=', value: 'service_account' },
      exists<'accessEdge', 'group'>('group', { id: 'principal' }, active),
    ],
  };
  const held = await reader.list('groupNetworkRole', org, {
    where: { network: [0, ...networks] },
    condition: exists<'groupNetworkRole', 'group'>('group', { id: 'group' }, active),
    limit: MANY,
  });
  const byRole = (await openingAmong(reader, org, held)).map(({ network }) => network);
  const everywhere = byRole.includes(0) || (await readSettings(reader, org)).admins_reach_networks;
  return {
    anyOf: [
      exists<'resource', 'accessEdge'>('accessEdge', { resource: 'id' }, { allOf: [isNow, isPrincipal] }),
      {
        allOf: [
          { column: 'networkWide', operator: '=', value: true },
          { column: 'network', operator: 'in', value: everywhere ? networks : byRole },
        ],
      },
    ],
  };
}
