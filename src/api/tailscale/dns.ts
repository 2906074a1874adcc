/** The forms in which this API shows one DNS configuration: four parts, the whole, and the whole as it used to be. */
import { z } from 'zod';
import type { DnsConfig, Nameserver } from '../../domain/model/configuration.ts';
import type { Operation } from '../shared/operation.ts';
import { jsonBody } from './body.ts';
import { olderDnsBody, olderDnsSettings, olderDnsWire } from './dns-older-form.ts';
import { inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

const texts = z.array(z.string()).nullish();
const nameserversBody = z.object({ dns: texts });
const preferencesBody = z.object({ magicDNS: z.boolean() });
const searchPathsBody = z.object({ searchPaths: texts });
const splitBody = z.record(z.string(), texts);
const resolver = z.union([
  z.string(),
  z.object({ address: z.string(), useWithExitNode: z.boolean().nullish() }),
]);
const resolvers = z.array(resolver).nullish();
const configurationBody = z.object({
  nameservers: resolvers,
  splitDNS: z.record(z.string(), resolvers).nullish(),
  searchPaths: texts,
  preferences: z
    .object({ overrideLocalDNS: z.boolean().nullish(), magicDNS: z.boolean().nullish() })
    .nullish(),
});

const plain = (addresses: readonly string[] | null | undefined): Nameserver[] =>
  (addresses ?? []).map((address) => ({ address, useWithExitNode: false }));
const resolved = (list: z.output<typeof resolvers>): Nameserver[] =>
  (list ?? []).map((each) =>
    typeof each === 'string'
      ? { address: each, useWithExitNode: false }
      : { address: each.address, useWithExitNode: each.useWithExitNode ?? false },
  );
const mapValues = <A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));

const addresses = (servers: readonly Nameserver[]): string[] => servers.map(({ address }) => address);
const splitWire = ({ split }: DnsConfig) => mapValues(split, addresses);
const resolverWire = ({ address, useWithExitNode }: Nameserver) =>
  useWithExitNode ? { address, useWithExitNode } : { address };

/** Empty parts are left out: clients take `[]` for something that was set. */
function configurationWire(config: DnsConfig): object {
  const { nameservers, split, searchPaths, magicDns, overrideLocal } = config;
  return {
    ...(nameservers.length === 0 ? {} : { nameservers: nameservers.map(resolverWire) }),
    ...(Object.keys(split).length === 0
      ? {}
      : { splitDNS: mapValues(split, (servers) => servers.map(resolverWire)) }),
    ...(searchPaths.length === 0 ? {} : { searchPaths }),
    preferences: { overrideLocalDNS: overrideLocal, magicDNS: magicDns },
  };
}

export function dnsOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, dns } = services;
  const path = `${TAILNET}/dns`;
  const read = (id: string, name: string, wire: (config: DnsConfig) => unknown): Operation => ({
    id: `tailscale.dns.${id}.get`,
    method: 'GET',
    path: `${path}/${name}`,
    requires: 'dns:read',
    handle: inTailnet(organizations, async ({ actor }) => wire(await dns.read(actor))),
  });
  const write = <T extends z.ZodType>(
    id: string,
    method: 'POST' | 'PUT' | 'PATCH',
    name: string,
    schema: T,
    work: (body: z.output<T>, actor: Parameters<typeof dns.read>[0]) => Promise<DnsConfig>,
    wire: (config: DnsConfig) => unknown,
  ): Operation => ({
    id: `tailscale.dns.${id}`,
    method,
    path: `${path}/${name}`,
    requires: 'dns:write',
    handle: inTailnet(organizations, async ({ actor, request }) =>
      wire(await work(jsonBody(request, schema), actor)),
    ),
  });

  const nameserversWire = (config: DnsConfig) => ({ dns: addresses(config.nameservers) });
  const preferencesWire = ({ magicDns }: DnsConfig) => ({ magicDNS: magicDns });
  const searchPathsWire = ({ searchPaths }: DnsConfig) => ({ searchPaths });
  return [
    read('nameservers', 'nameservers', nameserversWire),
    write(
      'nameservers.set',
      'POST',
      'nameservers',
      nameserversBody,
      (body, actor) => dns.setNameservers(actor, plain(body.dns), ORIGIN),
      (config) => ({ ...nameserversWire(config), ...preferencesWire(config) }),
    ),
    read('preferences', 'preferences', preferencesWire),
    write(
      'preferences.set',
      'POST',
      'preferences',
      preferencesBody,
      (body, actor) => dns.setMagicDns(actor, body.magicDNS, ORIGIN),
      preferencesWire,
    ),
    read('searchpaths', 'searchpaths', searchPathsWire),
    write(
      'searchpaths.set',
      'POST',
      'searchpaths',
      searchPathsBody,
      (body, actor) => dns.setSearchPaths(actor, body.searchPaths ?? [], ORIGIN),
      searchPathsWire,
    ),
    read('split', 'split-dns', splitWire),
    write(
      'split.merge',
      'PATCH',
      'split-dns',
      splitBody,
      (body, actor) => dns.mergeSplit(actor, mapValues(body, plain), ORIGIN),
      splitWire,
    ),
    write(
      'split.set',
      'PUT',
      'split-dns',
      splitBody,
      (body, actor) => dns.setSplit(actor, mapValues(body, plain), ORIGIN),
      splitWire,
    ),
    read('configuration', 'configuration', configurationWire),
    write(
      'configuration.set',
      'POST',
      'configuration',
      configurationBody,
      (body, actor) =>
        dns.replace(
          actor,
          {
            nameservers: resolved(body.nameservers),
            split: mapValues(body.splitDNS ?? {}, resolved),
            searchPaths: body.searchPaths ?? [],
            magicDns: body.preferences?.magicDNS ?? false,
            overrideLocal: body.preferences?.overrideLocalDNS ?? false,
          },
          ORIGIN,
        ),
      configurationWire,
    ),
    read('config', 'config', olderDnsWire),
    write(
      'config.set',
      'POST',
      'config',
      olderDnsBody,
      (body, actor) => dns.replace(actor, olderDnsSettings(body), ORIGIN),
      olderDnsWire,
    ),
  ];
}
