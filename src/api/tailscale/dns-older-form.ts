/** The DNS configuration as the vendor's first Go client has it, with the names of what devices are told. */
import { z } from 'zod';
import type { DnsConfig, Nameserver } from '../../domain/model/configuration.ts';
import { invalid } from '../../kernel/errors.ts';

const resolver = z.object({
  addr: z.string(),
  bootstrapResolution: z.array(z.string()).nullish(),
  useWithExitNode: z.boolean().nullish(),
});
const resolvers = z.array(resolver).nullish();
export const olderDnsBody = z.object({
  resolvers,
  fallbackResolvers: resolvers,
  routes: z.record(z.string(), resolvers).nullish(),
  domains: z.array(z.string()).nullish(),
  nameservers: z.array(z.string()).nullish(),
  proxied: z.boolean().nullish(),
});

function nameserversOf(list: z.output<typeof resolvers>): Nameserver[] {
  const given = list ?? [];
  if (given.some(({ bootstrapResolution }) => (bootstrapResolution ?? []).length > 0)) {
    throw invalid('bootstrapResolution is not supported', 'bootstrapResolution');
  }
  return given.map(({ addr, useWithExitNode }) => ({
    address: addr,
    useWithExitNode: useWithExitNode ?? false,
  }));
}

/** Resolvers are asked in place of a device's own; those to fall back on, where it has none. Errors: `invalid`. */
export function olderDnsSettings(body: z.output<typeof olderDnsBody>) {
  const before = (body.nameservers ?? []).map((address) => ({ address, useWithExitNode: false }));
  const given = nameserversOf(body.resolvers);
  const fallback = nameserversOf(body.fallbackResolvers);
  if (given.length > 0 && fallback.length > 0) {
    throw invalid('either resolvers or fallbackResolvers can be set', 'fallbackResolvers');
  }
  const first = given.length > 0 || fallback.length > 0 ? given : before;
  return {
    nameservers: [...first, ...fallback],
    overrideLocal: first.length > 0,
    split: Object.fromEntries(
      Object.entries(body.routes ?? {}).map(([domain, list]) => [domain, nameserversOf(list)]),
    ),
    searchPaths: body.domains ?? [],
    magicDns: body.proxied ?? false,
  };
}

const resolverWire = ({ address, useWithExitNode }: Nameserver) =>
  useWithExitNode ? { addr: address, useWithExitNode } : { addr: address };

export function olderDnsWire({ nameservers, split, searchPaths, magicDns, overrideLocal }: DnsConfig) {
  const shown = nameservers.map(resolverWire);
  return {
    resolvers: overrideLocal ? shown : [],
    fallbackResolvers: overrideLocal ? [] : shown,
    routes: Object.fromEntries(
      Object.entries(split).map(([domain, servers]) => [domain, servers.map(resolverWire)]),
    ),
    domains: searchPaths,
    nameservers: overrideLocal ? nameservers.map(({ address }) => address) : [],
    proxied: magicDns,
  };
}
