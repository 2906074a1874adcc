/**
 * The DNS settings of each device: those of the organization, and the names of the resources that are open to it. A resource
 * that is a name is asked of its network's gateways, which answer over the address they have for file transfers and the like
 * (peerapi, DNS over HTTP); an alias is answered by the client itself.
 */
import type { Resource } from '../../domain/model/networks.ts';
import { connectorDomain, dnsSuffix, normalName } from '../../domain/networks/resource-names.ts';
import { deviceFqdn, serviceFqdn } from '../../domain/organizations/names.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { resolvedAddresses, servingDevices } from '../../effective-policy/network-serving.ts';
import type { DnsRecord } from '../wire/index.ts';
import { hasCertificates } from './certificates.ts';
import { dnsConfigOf, othersBases, type ResourceNames } from './dns-config.ts';
import { servedBy } from './service-caps.ts';

export interface DnsView {
  /** The settings of a device as JSON; equal for devices to which the same is open. */
  text(device: number): string;
  /**
   * After the changes are in the snapshot. Says whether some device's settings may be others. `moved`: whether what is open
   * to some device changed.
   */
  update(changes: readonly Change[], touched: ReadonlySet<number>, moved: boolean): boolean;
}

/** Asked at once, and the first answer counts: more would only be more questions. */
const MAX_RESOLVERS = 4;
/** Services have names in the network's own domain. */
function namesService(change: Change): boolean {
  if (change.kind === 'service') return true;
  if (change.kind !== 'address') return false;
  const { before, after } = change;
  return (after ?? before)?.holderKind === 'service';
}

/** A device has certificates for its own name, and for those of the services that it serves. */
function renamesDevice(change: Change): boolean {
  if (change.kind === 'serviceHost') return true;
  if (change.kind !== 'device') return false;
  const { before, after } = change as Change<'device'>;
  return before !== null && after !== null && before.label !== after.label;
}

const KINDS: ReadonlySet<string> = new Set([
  'organization',
  'dnsConfig',
  'resource',
  'gateway',
  'network',
  'resolvedName',
]);

export interface DnsViewParts {
  readonly snapshot: Snapshot;
  /** Ids of the resources that are open to a device. */
  readonly opened: (device: number) => readonly number[];
  /** The domain for whose names devices can get certificates now. */
  readonly certificateDomain: () => string | undefined;
}

export function createDnsView({ snapshot, opened, certificateDomain }: DnsViewParts): DnsView {
  const texts = new Map<string, string>();

  const hasName = (resource: Resource): boolean =>
    resource.active && (resource.addressKind === 'dns' || resource.alias !== null);
  let certificates = hasCertificates(snapshot, certificateDomain());
  let bases = othersBases(snapshot);
  let named = [...snapshot.table('resource').values()].some(hasName);

  /** Where a network's gateways answer questions. */
  const resolversOf = (network: number): string[] =>
    servingDevices(snapshot, network)
      .flatMap((id) => resolverOf(snapshot, id) ?? [])
      .sort()
      .slice(0, MAX_RESOLVERS);

  const namesOf = (resources: readonly number[], own: ReadonlySet<number>): ResourceNames => {
    const routes: Record<string, readonly string[]> = {};
    const records: DnsRecord[] = [];
    for (const id of resources) {
      const resource = snapshot.table('resource').get(String(id));
      if (resource === undefined || !hasName(resource)) continue;
      const domain = own.has(resource.network) ? undefined : connectorDomain(resource);
      const suffix = domain && dnsSuffix(domain);
      // Of two networks with the same names the first has them, as with addresses.
      if (suffix !== undefined && routes[suffix] === undefined) {
        const resolvers = resolversOf(resource.network);
        if (resolvers.length > 0) routes[suffix] = resolvers;
      }
      if (resource.alias === null) continue;
      const alias = normalName(resource.alias);
      if (routes[alias] !== undefined) continue;
      const addresses = addressesOf(snapshot, resource);
      if (addresses.length > 0) routes[alias] = [];
      for (const Value of addresses) {
        records.push({ Name: alias, Value, ...(Value.includes(':') ? { Type: 'AAAA' } : {}) });
      }
    }
    return { routes, records };
  };

  /** The one member that differs from device to device. */
  const withOwnName = (text: string, id: number): string => {
    const label = snapshot.devices.get(id)?.device.label;
    if (label === undefined) return text;
    const { organization } = snapshot;
    const services = servedBy(snapshot, id).map(({ name }) => serviceFqdn(organization, name));
    const domains = [deviceFqdn(organization, label), ...services.sort()];
    return `${text.slice(0, -1)},"CertDomains":${JSON.stringify(domains)}}`;
  };

  return {
    text: (device) => {
      const resources = named ? opened(device) : [];
      const own = new Set(
        resources.length === 0 ? [] : snapshot.gatewaysOf(device).map(({ network }) => network),
      );
      const key = `${resources.join()}|${[...own].join()}`;
      let text = texts.get(key);
      if (text === undefined) {
        text = JSON.stringify(dnsConfigOf(snapshot, namesOf(resources, own)));
        texts.set(key, text);
      }
      return certificates ? withOwnName(text, device) : text;
    },
    update: (changes, touched, moved) => {
      if (changes.some(({ kind }) => kind === 'resource'))
        named = [...snapshot.table('resource').values()].some(hasName);
      const serves = (id: number): boolean => snapshot.gatewaysOf(id).length > 0;
      const other =
        changes.some((change) => KINDS.has(change.kind) || namesService(change)) ||
        (named && [...touched].some(serves));
      // Clients look up names of other organizations only once they know that those are to be had.
      const before = bases;
      bases = othersBases(snapshot);
      const others = before.symmetricDifference(bases).size > 0;
      if (other || others) texts.clear();
      const had = certificates;
      certificates = hasCertificates(snapshot, certificateDomain());
      const certified = had !== certificates || (certificates && changes.some(renamesDevice));
      return other || others || certified || (named && moved);
    },
  };
}

/** The addresses that an alias stands for; a range of them has none that it could. */
function addressesOf(snapshot: Snapshot, resource: Resource): readonly string[] {
  if (resource.addressKind === 'cidr') return [];
  if (resource.addressKind === 'dns') return resolvedAddresses(snapshot, resource);
  return resource.lowAddress === null ? [] : [resource.lowAddress];
}

/** Undefined while the device is not there, or is no app connector. */
function resolverOf(snapshot: Snapshot, id: number): string | undefined {
  const facts = snapshot.devices.get(id);
  const hostinfo = facts?.live?.hostinfo;
  if (facts === undefined || hostinfo === undefined || facts.presence?.online !== true) return undefined;
  const address = facts.addresses.find(({ family }) => family === 4)?.ip;
  const services = Array.isArray(hostinfo.Services) ? (hostinfo.Services as readonly unknown[]) : [];
  const peerApi = services.find(
    (service): service is { readonly Proto: string; readonly Port: number } =>
      typeof service === 'object' && service !== null && 'Proto' in service && service.Proto === 'peerapi4',
  );
  if (hostinfo.AppConnector !== true || address === undefined || peerApi === undefined) return undefined;
  return `http://${address}:${peerApi.Port}/dns-query`;
}
