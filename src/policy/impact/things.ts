/** What stands behind devices, as people know it: resources, services, hosts of the file, plain clients, routes, the internet. */
import {
  addr4,
  addr6,
  comparePrefix,
  EMPTY_SET,
  formatPrefix,
  formatSet,
  type IpSet,
  isEmptySet,
  masked,
  type Prefix,
  parseAddrOrPrefix,
  prefixesOf,
  type Range,
  rangeOfPrefix,
  rangesOf,
  setCovers,
  setOfPrefix,
  setOfPrefixes,
  subtractSets,
  unionSets,
} from '../../kernel/netip/index.ts';
import { resourcePrefixes } from '../compile/networks.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { primaryKey } from '../engine/world-state.ts';
import { INTERNET } from '../ranges.ts';
import { setOfText } from './flows.ts';

export type Thing =
  | { readonly kind: 'resource'; readonly id: number }
  /** With its prefix, `svc:`. */
  | { readonly kind: 'service'; readonly name: string }
  /** Of the `hosts` of the policy file. */
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'client'; readonly device: number }
  /** All plain clients of a gateway. */
  | { readonly kind: 'clients'; readonly gateway: number }
  /** A subnet route, by nothing but its prefix. */
  | { readonly kind: 'route' }
  | { readonly kind: 'internet' }
  /** What nobody has a name for. */
  | { readonly kind: 'address' };

export interface ThingBehind {
  readonly thing: Thing;
  /** Those of its addresses that are meant, as prefixes and ranges. */
  readonly addresses: readonly string[];
  /** Whether there are more, that are not meant. */
  readonly part: boolean;
  /** Of a part: what is not meant of the prefixes that it lies in, where that takes fewer words; else empty. */
  readonly except: readonly string[];
  /** The prefix by which the first of them is reached; undefined on the internet. */
  readonly route: CarriedRoute | undefined;
}

export interface CarriedRoute {
  readonly prefix: string;
  /** 0 outside of networks. */
  readonly network: number;
  /** The device that carries it, for those who have no nearer one. */
  readonly carrier: number | undefined;
}

export interface Things {
  /** What a set of addresses behind devices is; `texts` are prefixes and ranges. Together the things have all of them. */
  among(devices: readonly number[], texts: readonly string[]): readonly ThingBehind[];
}

/** Of several things with equal addresses the first kind is meant. */
const RANKS: Readonly<Record<Thing['kind'], number>> = {
  resource: 0,
  service: 1,
  client: 2,
  host: 3,
  clients: 4,
  route: 5,
  internet: 6,
  address: 7,
};

interface Entry {
  readonly thing: Thing;
  /** Stands for the thing; several entries are one thing. */
  readonly key: string;
  readonly prefix: Prefix;
}

/** What devices have behind them. */
interface Behind {
  /** By address, the wider ones first, and by rank. */
  readonly entries: readonly Entry[];
  readonly byPrefix: ReadonlyMap<string, readonly Entry[]>;
  readonly routes: ReadonlyMap<string, CarriedRoute>;
  /** Whether they lead to the internet. */
  readonly out: boolean;
}

export function createThings(core: Core): Things {
  const known = new Map<string, Behind>();
  const clients = clientsByGateway(core);
  const behindAll = (ids: readonly number[]): Behind => {
    const key = ids.join();
    const found = known.get(key) ?? makeBehind(core, clients, ids);
    known.set(key, found);
    return found;
  };
  return {
    among: (ids, texts) => (texts.length === 0 ? [] : named(behindAll(ids), unionSets(texts.map(setOfText)))),
  };
}

function clientsByGateway({ devices }: Core): ReadonlyMap<number, readonly DeviceState[]> {
  const out = new Map<number, DeviceState[]>();
  for (const device of devices.values()) {
    const { behind } = device.input;
    if (behind === undefined) continue;
    const known = out.get(behind) ?? [];
    known.push(device);
    out.set(behind, known);
  }
  return out;
}

function makeBehind(
  core: Core,
  clients: ReadonlyMap<number, readonly DeviceState[]>,
  ids: readonly number[],
): Behind {
  const { world } = core;
  const entries = new Map<string, Entry>();
  const routes = new Map<string, CarriedRoute>();
  const add = (thing: Thing, name: string | number, prefixes: Iterable<Prefix | undefined>): void => {
    for (const one of prefixes) {
      if (one === undefined || one.bits === 0) continue;
      const prefix = masked(one);
      const key = `${thing.kind}/${name}`;
      entries.set(`${key}/${formatPrefix(prefix)}`, { thing, key, prefix });
    }
  };
  let out = false;
  for (const id of ids) {
    const device = core.devices.get(id);
    if (device === undefined) continue;
    out ||= device.exit || device.exitNetworks.length > 0;
    for (const { text, network, layer, exit } of device.routes) {
      if (exit) continue;
      const carrier = world.primaries.get(primaryKey(network, text));
      routes.set(text, { prefix: text, network, carrier });
      if (layer === 'manual') add({ kind: 'route' }, text, [parseAddrOrPrefix(text)]);
    }
    for (const { id: client, addresses } of clients.get(id) ?? [])
      add(
        { kind: 'client', device: client },
        client,
        addresses.map(({ text }) => parseAddrOrPrefix(text)),
      );
  }
  const networks = new Set(ids.flatMap((id) => core.devices.get(id)?.networks ?? []));
  for (const resource of world.resources.values()) {
    if (!networks.has(resource.network)) continue;
    add({ kind: 'resource', id: resource.id }, resource.id, resourcePrefixes(resource));
  }
  for (const { name, addresses, hosts } of world.services.values()) {
    if (ids.some((id) => hosts.includes(id)))
      add({ kind: 'service', name }, name, addresses.map(parseAddrOrPrefix));
  }
  for (const { id, device, clientAddresses = [] } of world.gateways.values()) {
    if (device !== undefined && ids.includes(device))
      add({ kind: 'clients', gateway: id }, id, clientAddresses.map(parseAddrOrPrefix));
  }
  for (const [name, { prefix }] of world.policy.hosts) add({ kind: 'host', name }, name, [prefix]);
  const sorted = [...entries.values()].sort(
    (a, b) => comparePrefix(a.prefix, b.prefix) || RANKS[a.thing.kind] - RANKS[b.thing.kind],
  );
  const byPrefix = Map.groupBy(sorted, ({ prefix }) => formatPrefix(prefix));
  return { entries: sorted, byPrefix, routes, out };
}

/** Things that were found: what of them is meant, and all that they have there. */
type Found = Map<
  string,
  { readonly thing: Thing; readonly pieces: IpSet[]; readonly wholes: IpSet[]; part: boolean }
>;

/** `whole`: what the piece is a part of. */
function note(found: Found, { thing, key }: Omit<Entry, 'prefix'>, piece: IpSet, whole?: IpSet): void {
  const known = found.get(key) ?? { thing, pieces: [], wholes: [], part: false };
  known.pieces.push(piece);
  known.wholes.push(whole ?? piece);
  known.part ||= whole !== undefined;
  found.set(key, known);
}

function named(behind: Behind, set: IpSet): ThingBehind[] {
  const found: Found = new Map();
  let rest = set;
  for (const internet of [INTERNET_V4, INTERNET_V6]) {
    if (!setCovers(rest, internet)) continue;
    note(found, WAY_OUT, internet);
    rest = subtractSets(rest, internet);
  }
  rest = subtractSets(rest, noteWhole(behind, rest, found));
  noteParts(behind, rest, found);
  return [...found.values()]
    .sort((a, b) => RANKS[a.thing.kind] - RANKS[b.thing.kind])
    .map(({ thing, pieces, wholes, part }) => {
      const meant = unionSets(pieces);
      const addresses = formatSet(meant);
      const isOut = thing.kind === 'internet';
      return {
        ...{ thing, addresses, part },
        except: part ? exceptOf(unionSets(wholes), meant) : [],
        route: isOut ? undefined : routeOf(behind, meant),
      };
    });
}
const INTERNET_V4: IpSet = { ...EMPTY_SET, v4: INTERNET.v4 };
const INTERNET_V6: IpSet = { ...EMPTY_SET, v6: INTERNET.v6 };
const internetOf = ({ addr }: Prefix): IpSet => (addr.family === 4 ? INTERNET_V4 : INTERNET_V6);
const WAY_OUT = { thing: { kind: 'internet' }, key: 'internet' } as const;
const BARE = { thing: { kind: 'address' }, key: 'address' } as const;

/** What is not meant, where that takes fewer words. */
function exceptOf(whole: IpSet, meant: IpSet): readonly string[] {
  const rest = formatSet(subtractSets(whole, meant));
  return rest.length < formatSet(meant).length ? rest : [];
}

/** Of things all of whose addresses under a prefix are there, the widest. Answers with what they take. */
function noteWhole({ entries, byPrefix }: Behind, set: IpSet, found: Found): IpSet {
  const taken: Prefix[] = [];
  for (const range of rangesOf(set)) {
    let last: number | bigint = -1;
    let at = firstFrom(entries, range);
    for (let entry = entries[at]; entry !== undefined; entry = entries[++at]) {
      const { prefix } = entry;
      const { family, from, to } = rangeOfPrefix(prefix);
      if (family !== range.family || from > range.to) break;
      if (to > range.to || from <= last) continue;
      last = to;
      taken.push(prefix);
      for (const one of foremost(byPrefix.get(formatPrefix(prefix)))) {
        note(found, one, setOfPrefix(prefix));
      }
    }
  }
  return setOfPrefixes(taken);
}

/** Several of one kind may have equal addresses. */
const foremost = (entries: readonly Entry[] = []): readonly Entry[] =>
  entries.filter(({ thing }) => thing.kind === entries[0]?.thing.kind);

/** The place of the first entry that does not begin before a range. */
function firstFrom(entries: readonly Entry[], range: Range): number {
  const start: Prefix = { addr: range.family === 4 ? addr4(range.from) : addr6(range.from), bits: 0 };
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry !== undefined && comparePrefix(entry.prefix, start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What is left lies inside of things that are wider, or of nothing. */
function noteParts({ byPrefix, out }: Behind, rest: IpSet, found: Found): void {
  if (isEmptySet(rest)) return;
  for (const prefix of prefixesOf(rest)) {
    const piece = setOfPrefix(prefix);
    let around: readonly Entry[] = [];
    for (let bits = prefix.bits; bits > 0 && around.length === 0; bits--)
      around = foremost(byPrefix.get(formatPrefix(masked({ ...prefix, bits }))));
    for (const one of around) note(found, one, piece, setOfPrefix(one.prefix));
    if (around.length > 0) continue;
    if (out && setCovers(INTERNET, piece)) note(found, WAY_OUT, piece, internetOf(prefix));
    else note(found, BARE, piece);
  }
}

function routeOf({ routes }: Behind, meant: IpSet): CarriedRoute | undefined {
  const [first] = prefixesOf(meant);
  for (let bits = first?.bits ?? 0; first !== undefined && bits > 0; bits--) {
    const route = routes.get(formatPrefix(masked({ ...first, bits })));
    if (route !== undefined) return route;
  }
  return undefined;
}
