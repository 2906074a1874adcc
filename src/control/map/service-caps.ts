/**
 * What devices are told of services: a host, the addresses that it answers; whoever may use one, what it is
 * (client source, tailcfg: `service-host`, `services/…`; DNS by extra records).
 */
import type { Service } from '../../domain/model/devices.ts';
import { serviceFqdn } from '../../domain/organizations/names.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { formatPrefix, parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import type { CapMap, DnsRecord } from '../wire/index.ts';
import type { PeerView } from './network-view.ts';

const HOST_CAPABILITY = 'service-host';
const DETAILS_PREFIX = 'services/';
/** A port of the admin API that stands for none. */
const NO_PORTS = 'do-not-validate';

/** The services that a device is approved for and serves now. */
export const servedBy = (snapshot: Snapshot, device: number): Service[] =>
  [...snapshot.servicesOf(device)].flatMap(({ service, approval, advertised }) => {
    const row = snapshot.table('service').get(String(service));
    return row !== undefined && advertised && approval !== 'not-approved' ? [row] : [];
  });

/** What a device that serves services is told of them. */
export function hostCapability(snapshot: Snapshot, device: number): CapMap {
  const services = servedBy(snapshot, device);
  if (services.length === 0) return {};
  const addresses = services.map(({ id, name }) => [name, snapshot.serviceAddresses(id)]);
  return { [HOST_CAPABILITY]: [Object.fromEntries(addresses)] };
}

const details = (service: Service, addresses: readonly string[]) => ({
  Name: service.name,
  ...(service.displayName === '' ? {} : { DisplayName: service.displayName }),
  Addrs: addresses,
  ...(service.ports.includes(NO_PORTS) ? {} : { Ports: service.ports }),
});

/**
 * The services that a device may use: those of which one of their hosts carries an address to it. `peer`: how the device sees
 * another. Devices of one class that serve nothing themselves may use the same ones.
 */
export function usableServices(snapshot: Snapshot, peer: (host: number) => PeerView | undefined): CapMap {
  const services = snapshot.table('service');
  if (services.size === 0) return {};
  const out: Record<string, CapMap[string]> = {};
  const carried = new Set([...snapshot.serviceDevices()].flatMap((host) => peer(host)?.allowedIPs ?? []));
  for (const service of services.values()) {
    const addresses = snapshot.serviceAddresses(service.id);
    const reached = addresses.filter((text) => {
      const address = parseAddrOrPrefix(text);
      return address !== undefined && carried.has(formatPrefix(address));
    });
    if (reached.length > 0) out[`${DETAILS_PREFIX}${service.name}`] = [details(service, addresses)];
  }
  return out;
}

/** Services have names like devices. */
export const serviceRecords = (snapshot: Snapshot): DnsRecord[] => {
  const { organization } = snapshot;
  return [...snapshot.table('service').values()].flatMap(({ id, name }) =>
    snapshot.serviceAddresses(id).map((Value) => ({ Name: serviceFqdn(organization, name), Value })),
  );
};
