/** The DNS settings of an organization in the form that clients take. */

import type { Nameserver } from '../../domain/model/configuration.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { DnsConfig, DnsResolver } from '../wire/index.ts';
import { serviceRecords } from './service-caps.ts';

const resolver = ({ address, useWithExitNode }: Nameserver): DnsResolver =>
  useWithExitNode ? { Addr: address, UseWithExitNode: true } : { Addr: address };

export function dnsConfigOf(snapshot: Snapshot): DnsConfig {
  const config = snapshot.dns();
  const suffix = magicDnsSuffix(snapshot.organization);
  const magicDns = config?.magicDns ?? true;
  const routes: Record<string, readonly DnsResolver[]> = {};
  for (const [domain, servers] of Object.entries(config?.split ?? {})) routes[domain] = servers.map(resolver);
  // An empty list of resolvers: the client answers for the network's own names by itself.
  if (magicDns) routes[suffix] = [];
  const records = serviceRecords(snapshot);
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
    ...(magicDns && records.length > 0 ? { ExtraRecords: records } : {}),
  };
}
