/**
 * What the device of a gateway is told to serve. Its client, started with --advertise-connector, takes routes and domains out
 * of this capability of its own node: it advertises the routes, resolves the domains for peers that ask, and advertises the
 * addresses it finds (ipn/ipnlocal, reconfigAppConnectorLocked). With the second capability it also drops what vanishes.
 */
import type { Network } from '../../domain/model/networks.ts';
import { isBound } from '../../domain/networks/gateway-binding.ts';
import { connectorDomain } from '../../domain/networks/resource-names.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { namesClaimed, networkPrefixes, servingDevices } from '../../effective-policy/network-serving.ts';
import type { CapMap } from '../wire/index.ts';

const APP_CONNECTORS = 'tailscale.com/app-connectors';
const STORE_ROUTES = 'store-appc-routes';
/** An entry is for every connector that hears it. */
const ANY_CONNECTOR = '*';

export const networkTag = ({ slug }: Pick<Network, 'slug'>): string => `tag:hf-net-${slug}`;

/** The networks that a device serves now. */
function networksOf(snapshot: Snapshot, device: number): Network[] {
  return snapshot.gatewaysOf(device).flatMap((gateway) => {
    const network = snapshot.table('network').get(String(gateway.network));
    return isBound(gateway) && network?.active === true ? [network] : [];
  });
}

export function connectorCaps(snapshot: Snapshot, device: number): CapMap {
  const networks = networksOf(snapshot, device);
  if (networks.length === 0) return {};
  // A device that joined with a gateway's token bears the network's tag; one that belongs to somebody has none of ours.
  const tagged = snapshot.devices.get(device)?.device.ownerKind === 'gateway';
  const entries = networks.map((network) => ({
    name: network.slug,
    connectors: [tagged ? networkTag(network) : ANY_CONNECTOR],
    domains: domainsOf(snapshot, network.id),
    routes: networkPrefixes(snapshot, network.id),
  }));
  return { [APP_CONNECTORS]: entries, [STORE_ROUTES]: [] };
}

function domainsOf(snapshot: Snapshot, network: number): string[] {
  const domains = new Set<string>();
  for (const resource of snapshot.resourcesOf(network)) {
    if (!resource.active || resource.bypass) continue;
    const domain = connectorDomain(resource);
    if (domain !== undefined) domains.add(domain);
  }
  return [...domains].sort();
}

type Row = Readonly<Record<string, unknown>> | null;

/** The devices that may be told to serve something else after these changes. */
export function connectorsConcerned(snapshot: Snapshot, changes: readonly Change[]): Set<number> {
  const devices = new Set<number>();
  const networks = new Set<number>();
  for (const { kind, key, before, after } of changes) {
    const rows = [before, after] as readonly Row[];
    if (kind === 'network') networks.add(Number(key));
    if (kind === 'resource' || kind === 'gateway') for (const row of rows) networks.add(Number(row?.network));
    if (kind === 'gateway') for (const row of rows) devices.add(Number(row?.device));
    if (kind === 'resolvedName') {
      const device = Number(key.slice(0, key.indexOf('/')));
      for (const gateway of snapshot.gatewaysOf(device)) networks.add(gateway.network);
    }
  }
  for (const network of namesClaimed(snapshot, changes).keys()) networks.add(network);
  for (const network of networks) for (const device of servingDevices(snapshot, network)) devices.add(device);
  return devices;
}
