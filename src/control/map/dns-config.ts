/** The DNS settings of an organization in the form that clients take. */

import type { Nameserver } from '../../domain/model/configuration.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { DnsConfig, DnsRecord, DnsResolver } from '../wire/index.ts';
import { serviceRecords } from './service-caps.ts';

const resolver = ({ address, useWithExitNode }: Nameserver): DnsResolver =>
  useWithExitNode ? { Addr: address, UseWithExitNode: true } : { Addr: address };

/** The domains of the devices of other organizations that are met under the names that they have there. */
export function othersBases(snapshot: Snapshot): Set<string> {
  const bases = new Set<string>();
  for (const { kind, home } of snapshot.external.values()) if (kind !== 'guest') bases.add(home.dnsBase);
  return bases;
}

/** What of the resources that are open to a device has a name. */
export interface ResourceNames {
  /** By suffix, the URLs of who answers; none: the client itself. */
  readonly routes: Readonly<Record<string, readonly string[]>>;
  readonly records: readonly DnsRecord[];
}

export function dnsConfigOf(snapshot: Snapshot, names: ResourceNames): DnsConfig {
  const config = snapshot.dns();
  const suffix = magicDnsSuffix(snapshot.organization);
  const magicDns = config?.magicDns ?? true;
  const routes: Record<string, readonly DnsResolver[]> = {};
  for (const [domain, servers] of Object.entries(config?.split ?? {})) routes[domain] = servers.map(resolver);
  for (const [suffix, urls] of Object.entries(names.routes)) routes[suffix] = urls.map((Addr) => ({ Addr }));
  // An empty list of resolvers: the client answers for the network's own names by itself.
  if (magicDns) routes[suffix] = [];
  if (magicDns) for (const base of othersBases(snapshot)) routes[base] = [];
  const records = [...(magicDns ? serviceRecords(snapshot) : []), ...names.records];
  const servers = (config?.nameservers ?? []).map(resolver);
  return {
    ...(servers.length === 0
      ? {}
      : config?.overrideLocal
        ? { Resolvers: servers }
        : { FallbackResolvers: servers }),
    ...(Object.keys(routes).length > 0 ? { Routes: routes } : {}),
    Domains: [...(magicDns ? [suffix] : []), ...(config?.searchPaths ?? [])],
    Proxied: magicDns,
    ...(records.length > 0 ? { ExtraRecords: records } : {}),
  };
}
