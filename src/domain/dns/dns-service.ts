/** The DNS settings that an organization gives to its devices: one configuration, read and changed whole or in parts. */
import { invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { DnsConfig, Nameserver } from '../model/configuration.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Reader, Store } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { checkDomain, checkDomains, checkNameservers, checkSplit, type SplitDns } from './dns-rules.ts';

type DnsSettings = Pick<DnsConfig, 'nameservers' | 'split' | 'searchPaths' | 'magicDns' | 'overrideLocal'>;

export interface DnsService {
  read(actor: Actor): Promise<DnsConfig>;
  /** Removing the last nameserver switches MagicDNS off, until somebody switches it on again. */
  setNameservers(actor: Actor, servers: readonly Nameserver[], origin: AuditOrigin): Promise<DnsConfig>;
  /** Errors: `invalid` where the organization wants a nameserver beside MagicDNS and has none. */
  setMagicDns(actor: Actor, on: boolean, origin: AuditOrigin): Promise<DnsConfig>;
  setSearchPaths(actor: Actor, domains: readonly string[], origin: AuditOrigin): Promise<DnsConfig>;
  /** All domains anew. */
  setSplit(actor: Actor, split: SplitDns, origin: AuditOrigin): Promise<DnsConfig>;
  /** Only the domains named; those without nameservers go. */
  mergeSplit(actor: Actor, split: SplitDns, origin: AuditOrigin): Promise<DnsConfig>;
  replace(actor: Actor, settings: DnsSettings, origin: AuditOrigin): Promise<DnsConfig>;
}

const NEEDS_NAMESERVER = 'need at least one nameserver to enable MagicDNS';

export function createDnsService({ store }: { readonly store: Store }): DnsService {
  const current = async (reader: Reader, org: number): Promise<DnsConfig> => {
    const [config] = await reader.find('dnsConfig', org, {});
    if (config === undefined) throw new Error(`organization ${org} has no DNS configuration`);
    return config;
  };

  const change = (
    actor: Actor,
    origin: AuditOrigin,
    work: (before: DnsConfig) => Partial<DnsSettings>,
  ): Promise<DnsConfig> => {
    authorize(actor, 'dns:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const before = await current(tx, actor.org);
      const patch = work(before);
      const wanted = { ...before, ...patch };
      if (wanted.magicDns && !before.magicDns && wanted.nameservers.length === 0) {
        const settings = await readSettings(tx, actor.org);
        if (settings.magic_dns_needs_nameserver) throw invalid(NEEDS_NAMESERVER, 'magicDNS');
      }
      const after = await tx.update('dnsConfig', actor.org, before.id, patch);
      for (const field of Object.keys(patch) as (keyof DnsSettings)[]) {
        if (JSON.stringify(before[field]) === JSON.stringify(after[field])) continue;
        tx.audit(actor.org, {
          verb: 'update',
          objectKind: 'dnsConfig',
          objectId: before.id,
          objectName: 'DNS',
          field,
          before: before[field],
          after: after[field],
        });
      }
      return after;
    });
  };

  return {
    read: (actor) => {
      authorize(actor, 'dns:read');
      return current(store, actor.org);
    },
    setNameservers: (actor, servers, origin) =>
      change(actor, origin, (before) => {
        const nameservers = checkNameservers(servers, 'dns');
        const emptied = nameservers.length === 0 && before.nameservers.length > 0;
        return emptied ? { nameservers, magicDns: false } : { nameservers };
      }),
    setMagicDns: (actor, on, origin) => change(actor, origin, () => ({ magicDns: on })),
    setSearchPaths: (actor, domains, origin) =>
      change(actor, origin, () => ({ searchPaths: checkDomains(domains, 'searchPaths') })),
    setSplit: (actor, split, origin) =>
      change(actor, origin, () => ({ split: checkSplit(split, 'splitDNS') })),
    mergeSplit: (actor, split, origin) =>
      change(actor, origin, (before) => {
        const merged: Record<string, readonly Nameserver[]> = { ...before.split };
        for (const [domain, servers] of Object.entries(split)) {
          merged[checkDomain(domain, 'splitDNS')] = servers;
        }
        return { split: checkSplit(merged, 'splitDNS') };
      }),
    replace: (actor, settings, origin) =>
      change(actor, origin, () => ({
        nameservers: checkNameservers(settings.nameservers, 'nameservers'),
        split: checkSplit(settings.split, 'splitDNS'),
        searchPaths: checkDomains(settings.searchPaths, 'searchPaths'),
        magicDns: settings.magicDns,
        overrideLocal: settings.overrideLocal,
      })),
  };
}
