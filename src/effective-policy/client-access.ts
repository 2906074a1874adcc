/** What a plain client behind a gateway may reach: the part of the gateway's packet filter that names its addresses. */
import type { ClientRule } from '../domain/ports/gateway-feed.ts';
import {
  type Addr,
  compareAddr,
  parseAddr,
  parseAddrOrPrefix,
  prefixContains,
} from '../kernel/netip/index.ts';
import type { FilterRule, PacketFilter, PolicyEngine } from '../policy/index.ts';

export interface ClientAccess {
  /** `addresses` of the client; `device` of its gateway. Equal content is the same object while the filter is the same. */
  rules(device: number, addresses: readonly string[]): readonly ClientRule[];
  /** The gateway's filter as an object: the rules of its clients are the same as long as it is. */
  filterOf(device: number): PacketFilter;
}

/** Where each source stands: addresses one by one, and what takes in many. */
interface FilterIndex {
  readonly single: ReadonlyMap<string, readonly FilterRule[]>;
  readonly wide: readonly { readonly holds: (addr: Addr) => boolean; readonly rule: FilterRule }[];
  /** Rules made for a set of filter rules, by their places. */
  readonly made: Map<string, readonly ClientRule[]>;
}

const order = (filter: PacketFilter): Map<FilterRule, number> =>
  new Map(filter.rules.map((rule, index) => [rule, index]));

/** Undefined for one address. */
function wideSource(text: string): ((addr: Addr) => boolean) | undefined {
  if (text === '*') return () => true;
  const [from, to] = text.split('-').map((part) => parseAddr(part));
  if (from !== undefined && to !== undefined) {
    return (addr) =>
      addr.family === from.family && compareAddr(addr, from) >= 0 && compareAddr(addr, to) <= 0;
  }
  const prefix = text.includes('/') ? parseAddrOrPrefix(text) : undefined;
  return prefix === undefined ? undefined : (addr) => prefixContains(prefix, addr);
}

function indexOf(filter: PacketFilter): FilterIndex {
  const single = new Map<string, FilterRule[]>();
  const wide: { holds: (addr: Addr) => boolean; rule: FilterRule }[] = [];
  for (const rule of filter.rules) {
    if (rule.DstPorts === undefined) continue;
    for (const text of rule.SrcIPs) {
      const holds = wideSource(text);
      if (holds !== undefined) wide.push({ holds, rule });
      else single.set(text, [...(single.get(text) ?? []), rule]);
    }
  }
  return { single, wide, made: new Map() };
}

export function createClientAccess(engine: PolicyEngine): ClientAccess {
  const indexes = new WeakMap<PacketFilter, FilterIndex>();

  const indexFor = (filter: PacketFilter): FilterIndex => {
    let index = indexes.get(filter);
    if (index === undefined) {
      index = indexOf(filter);
      indexes.set(filter, index);
    }
    return index;
  };

  /** `*` in a device's filter is the device and what it routes. */
  const destinations = (device: number, text: string): readonly string[] =>
    text === '*' ? engine.self(device).allowedIPs : [text];

  return {
    filterOf: (device) => engine.filter(device),
    rules: (device, addresses) => {
      const filter = engine.filter(device);
      const index = indexFor(filter);
      const found = new Set<FilterRule>();
      for (const text of addresses) {
        for (const rule of index.single.get(text) ?? []) found.add(rule);
        const addr = parseAddr(text);
        if (addr === undefined) continue;
        for (const { holds, rule } of index.wide) if (holds(addr)) found.add(rule);
      }
      const places = order(filter);
      const key = [...found].map((rule) => places.get(rule)).join();
      let made = index.made.get(key);
      if (made === undefined) {
        made = [...found].flatMap((rule) =>
          (rule.DstPorts ?? []).flatMap(({ IP, Ports }) =>
            destinations(device, IP).map(
              (to): ClientRule => ({
                to,
                protocols: rule.IPProto,
                ports: { first: Ports.First, last: Ports.Last },
              }),
            ),
          ),
        );
        index.made.set(key, made);
      }
      return made;
    },
  };
}
