import {
  EMPTY_SET,
  FULL_SET,
  type IpSet,
  intersectSets,
  isEmptySet,
  parseAddr,
  parseAddrOrPrefix,
  setContains,
  setOfAddrs,
  setOfPrefix,
  setOfRanges,
  subtractSets,
  unionSets,
} from '../../kernel/netip/index.ts';
import type { PortRange } from '../ast.ts';
import type { DstSpec } from '../compile/unit.ts';
import { hasBit } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { destinationTexts, unitsOf } from '../engine/filter.ts';
import { guestSources, openedTo, sharesExit } from '../engine/guests.ts';
import type { Unit } from '../engine/program.ts';
import { leadsOut, seesSharedIn } from '../engine/shared-in.ts';
import { reachesAcross } from '../engine/visibility.ts';
import { DEFAULT_PROTOCOLS } from '../evaluate/match.ts';
import { INTERNET } from '../ranges.ts';

/** Stands among the slots of rules for being seen. */
const SEEN = -1;
const ALL_PORTS: PortRange = { first: 0, last: 65_535 };

/** Traffic that one device may send to another: to which addresses on or behind it, over which ports. */
export interface Flow {
  readonly protocol: number;
  readonly ports: PortRange;
  /** The destination's own addresses, or prefixes behind it. */
  readonly addresses: IpSet;
}

/** What a destination takes from the sources of one rule. */
interface Opening {
  /** Undefined: it takes it from whoever sees it, by whatever rule. */
  readonly unit: Unit | undefined;
  /** What it takes from any of them. */
  readonly flows: readonly Flow[];
  /** Between devices of two organizations: what it takes from this one. */
  readonly across: (source: DeviceState) => readonly Flow[];
}

/** The rules that lead to a device and what each opens there. */
export function openingsOf(core: Core, device: DeviceState): Opening[] {
  if (isForeign(device)) return openingsOfSharedIn(core, device);
  const input = { program: core.program(), asFile: core.asFile() };
  const reachable = addressSpaceOf(device);
  const flows = ({ spec }: Unit, textsOf: (dst: DstSpec) => readonly string[]): Flow[] =>
    spec.targets.flatMap(({ dst, allow }) => {
      const addresses = intersectSets(unionSets(dst.flatMap(textsOf).map(setOfText)), reachable);
      if (isEmptySet(addresses)) return [];
      return allow.flatMap(({ protocols, ports }) =>
        (protocols ?? DEFAULT_PROTOCOLS).flatMap((protocol) =>
          ports.map((range): Flow => ({ protocol, ports: range, addresses })),
        ),
      );
    });
  return unitsOf(core.program(), device).map((unit) => ({
    unit,
    flows: flows(unit, (one) => destinationTexts(input, device, one, unit.spec.reach)),
    across: (guest) => {
      const exit = sharesExit(device, guest);
      const opened = flows(unit, (one) => openedTo(input.program, device, one, unit.spec.reach, exit));
      const families = guestSources(core, guest, unit).map(({ family }) => family);
      return flowsOfFamilies(opened, new Set(families));
    },
  }));
}

/** Of a device that is shared in: whatever its own organization opens to those who see it, and the internet by rules here. */
function openingsOfSharedIn(core: Core, device: DeviceState): Opening[] {
  const flowsTo = (addresses: IpSet): Flow[] =>
    DEFAULT_PROTOCOLS.map((protocol) => ({ protocol, ports: ALL_PORTS, addresses }));
  const itself = flowsTo(setOfAddrs(device.addresses.map(({ addr }) => addr)));
  const behind = flowsTo(internetOf(device));
  const leadingOut = device.exit ? unitsOf(core.program(), device).filter(({ spec }) => leadsOut(spec)) : [];
  return [
    { unit: undefined, flows: [], across: () => itself },
    ...leadingOut.map(
      (unit): Opening => ({
        unit,
        flows: [],
        across: (source) => (sharesExit(device, source) ? behind : []),
      }),
    ),
  ];
}

/** The internet as far as an exit node offers it: routes of one family lead nobody out over the other. */
const internetOf = (device: DeviceState): IpSet =>
  ofFamilies(INTERNET, new Set(device.routes.filter(({ exit }) => exit).map(({ range }) => range.family)));

/** Addresses that packets to a device can carry: its own, those it routes, and the internet on an exit node. */
function addressSpaceOf(device: DeviceState): IpSet {
  const routes = device.routes.filter((route) => !route.exit).map((route) => setOfRanges([route.range]));
  const own = setOfAddrs(device.addresses.map(({ addr }) => addr));
  return unionSets([own, ...routes, internetOf(device)]);
}

/** Of an address, a prefix, a range or `*`. */
export function setOfText(text: string): IpSet {
  if (text === '*') return FULL_SET;
  const prefix = parseAddrOrPrefix(text);
  if (prefix !== undefined) return setOfPrefix(prefix);
  const [from, to] = text.split('-').map(parseAddr);
  if (from?.family === 4 && to?.family === 4)
    return setOfRanges([{ family: 4, from: from.value, to: to.value }]);
  if (from?.family === 6 && to?.family === 6)
    return setOfRanges([{ family: 6, from: from.value, to: to.value }]);
  return EMPTY_SET;
}

/**
 * The flows from one device to another by rule, given what the other opens. What stands behind the source is not the
 * source.
 */
export function flowsBetween(
  source: DeviceState,
  target: DeviceState,
  openings: readonly Opening[],
): Map<number, readonly Flow[]> {
  const out = new Map<number, readonly Flow[]>();
  if (!source.active || !target.active || source.id === target.id) return out;
  // A plain client reaches nothing but its gateway, and is reached as one of that one's routes.
  if (target.input.behind !== undefined) return out;
  if (source.input.behind !== undefined && source.input.behind !== target.id) return out;
  const { profile } = source;
  if (isForeign(source) && !reachesAcross(profile, target.profile)) return out;
  if (!isForeign(source) && isForeign(target) && !seesSharedIn(profile, target.profile)) return out;
  if (isForeign(source) || isForeign(target)) {
    for (const { unit, across } of openings) {
      if (unit === undefined) out.set(SEEN, across(source));
      else if (hasBit(profile.net.src, unit.slot)) out.set(unit.slot, across(source));
    }
    return out;
  }
  for (const { unit, flows } of openings) {
    if (unit === undefined) continue;
    if (unit.spec.reach.kind === 'self') {
      const sameUser = profile.selfUser !== undefined && profile.selfUser === target.profile.selfUser;
      if (sameUser && hasBit(profile.self, unit.slot)) out.set(unit.slot, flows);
    } else if (hasBit(profile.net.src, unit.slot)) {
      out.set(unit.slot, flowsOfFamilies(flows, familiesOf(source, unit)));
    }
  }
  return out;
}

/**
 * What of it gets there: what is behind a device only where the source's map leads to that one. A plain client has one way, its
 * gateway; the map of a device of another organization is that one's own.
 */
export function flowsLed(
  flows: readonly Flow[],
  source: DeviceState | undefined,
  target: DeviceState | undefined,
  led: (target: DeviceState) => IpSet,
): readonly Flow[] {
  if (source === undefined || target === undefined || target.routes.length === 0 || flows.length === 0)
    return flows;
  if (isForeign(source) || source.input.behind !== undefined) return flows;
  const gets = unionSets([setOfAddrs(target.addresses.map(({ addr }) => addr)), led(target)]);
  return flows
    .map((flow) => ({ ...flow, addresses: intersectSets(flow.addresses, gets) }))
    .filter(({ addresses }) => !isEmptySet(addresses));
}

const isForeign = ({ profile }: DeviceState): boolean => profile.external !== undefined;

/** Addresses with which a device is a source: a literal source may name only one of its two. */
function familiesOf(device: DeviceState, { slot, spec }: Unit): ReadonlySet<4 | 6> {
  const { source } = spec;
  const whole = source.danger || hasBit(device.profile.net.listed, slot) || (source.any && device.wild);
  const named = device.addresses.filter(
    ({ addr }) => whole || source.literals.some((set) => setContains(set, addr)),
  );
  return new Set(named.map(({ addr }) => addr.family));
}

const ofFamilies = (set: IpSet, families: ReadonlySet<4 | 6>): IpSet => ({
  v4: families.has(4) ? set.v4 : [],
  v6: families.has(6) ? set.v6 : [],
});

function flowsOfFamilies(flows: readonly Flow[], families: ReadonlySet<4 | 6>): readonly Flow[] {
  if (families.size === 2) return flows;
  return flows
    .map((flow) => ({ ...flow, addresses: ofFamilies(flow.addresses, families) }))
    .filter((flow) => !isEmptySet(flow.addresses));
}

/** What `after` has beyond `before`, with touching port ranges joined. */
export function flowsBeyond(after: readonly Flow[], before: readonly Flow[]): Flow[] {
  const out: Flow[] = [];
  const protocols = new Set(after.map((flow) => flow.protocol));
  for (const protocol of protocols) {
    const of = (flows: readonly Flow[]): Flow[] => flows.filter((flow) => flow.protocol === protocol);
    const [mine, others] = [of(after), of(before)];
    for (const ports of cuts([...mine, ...others])) {
      const opened = addressesAt(mine, ports);
      if (isEmptySet(opened)) continue;
      const addresses = subtractSets(opened, addressesAt(others, ports));
      if (isEmptySet(addresses)) continue;
      const last = out.at(-1);
      const joins = last?.protocol === protocol && last.ports.last + 1 === ports.first;
      if (last !== undefined && joins && sameAddresses(last.addresses, addresses)) {
        out[out.length - 1] = { ...last, ports: { first: last.ports.first, last: ports.last } };
      } else out.push({ protocol, ports, addresses });
    }
  }
  return out;
}

const addressesAt = (flows: readonly Flow[], ports: PortRange): IpSet =>
  unionSets(
    flows
      .filter((flow) => flow.ports.first <= ports.first && flow.ports.last >= ports.last)
      .map((flow) => flow.addresses),
  );

const sameAddresses = (a: IpSet, b: IpSet): boolean =>
  a.v4.join() === b.v4.join() && a.v6.join() === b.v6.join();

/** Cuts the port space where any flow begins or ends. */
function cuts(flows: readonly Flow[]): PortRange[] {
  const starts = new Set<number>();
  for (const { ports } of flows) {
    starts.add(ports.first);
    starts.add(ports.last + 1);
  }
  const sorted = [...starts].sort((a, b) => a - b);
  return sorted.slice(0, -1).map((first, i) => ({ first, last: (sorted[i + 1] ?? first + 1) - 1 }));
}

export type { Opening };
