/**
 * What a change would do before it is made: the exact traffic between live devices that opens and closes, the routes and
 * SSH logins that come and go. Devices are taken together as far as they are alike to the rules before and after.
 */
import {
  formatSet,
  setContains,
  setOfAddrs,
  setOverlapsRange,
  subtractSets,
} from '../../kernel/netip/index.ts';
import { type Bits, intersects, isZero, orInto } from '../engine/bits.ts';
import type { Change } from '../engine/change.ts';
import type { DeviceState } from '../engine/device-state.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { type Flow, flowsBetween, flowsBeyond, flowsLed, type Opening, openingsOf } from './flows.ts';
import { type Rerouted, type RouteImpact, routeImpact } from './routes.ts';
import { isMutual, isTouched, mayDiffer, sharesRule, type Twins, twinsOf } from './twins.ts';
import { createWays, type Ways } from './ways.ts';

export interface FlowText {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  /** Families of the destinations' own addresses that are meant. */
  readonly own: readonly (4 | 6)[];
  /** Whether they have others that are not. */
  readonly ownInPart: boolean;
  /** Prefixes and ranges behind the destinations. */
  readonly behind: readonly string[];
}

/** Sources that gain or lose the same towards the same destinations. */
export interface ImpactGroup {
  readonly sources: readonly number[];
  readonly targets: readonly number[];
  readonly gained: readonly FlowText[];
  readonly lost: readonly FlowText[];
}

export interface SshImpact {
  readonly target: number;
  /** `address as login`, with ` (check)` where the login asks for a fresh sign-in. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

export interface Impact {
  readonly flows: readonly ImpactGroup[];
  readonly routes: readonly RouteImpact[];
  readonly ssh: readonly SshImpact[];
  /** Ordered pairs of devices whose traffic is different. */
  readonly pairs: number;
}

/** What these changes would do to the organization of an engine, which stays as it is. */
export function impactOf(engine: PolicyEngine, changes: Iterable<Change>): Impact {
  return impactBetween(engine, engine.fork(changes));
}

export function impactBetween(before: PolicyEngine, after: PolicyEngine): Impact {
  const classes = twinsOf(before.core, after.core);
  const rerouted = routeImpact(before, after, classes);
  const { groups, pairs } = flowImpact(before, after, classes, rerouted.moved);
  return {
    flows: groups,
    routes: rerouted.routes,
    ssh: sshImpact(
      before,
      after,
      classes.filter((one) => one.sshDiffers),
    ),
    pairs,
  };
}

function flowImpact(
  before: PolicyEngine,
  after: PolicyEngine,
  classes: readonly Twins[],
  moved: Rerouted['moved'],
): { groups: ImpactGroup[]; pairs: number } {
  const touched = classes.filter(isTouched);
  const ways = { was: createWays(before), is: createWays(after) };
  const groups = new Map<
    string,
    { sources: Set<number>; targets: Set<number>; gained: FlowText[]; lost: FlowText[] }
  >();
  let pairs = 0;
  const changed = changedSources(touched);
  const everywhere = touched.filter((one) => one.moved || one.self);
  for (const target of classes) {
    const named = !isZero(target.dst.changed) || target.moved || target.self || isMutual(target);
    const reached = changed !== undefined && intersects(changed, target.dst.ever);
    const sources = named ? classes : reached ? touched : everywhere;
    const rerouted = reroutedTo(target, moved);
    const openings = memo(() => ({
      was: target.was === undefined ? [] : openingsOf(before.core, target.was),
      is: target.is === undefined ? [] : openingsOf(after.core, target.is),
    }));
    for (const source of rerouted.size === 0 ? sources : new Set([...sources, ...rerouted])) {
      const isRerouted = rerouted.has(source);
      if (!mayDiffer(source, target) && !(isRerouted && sharesRule(source, target))) continue;
      const { gained, lost } = difference({ source, target, isRerouted }, openings(), ways);
      if (gained.length + lost.length === 0) continue;
      const own = source === target ? target.members.length : 0;
      pairs += source.members.length * target.members.length - own;
      const key = JSON.stringify([gained, lost, [...target.members].sort()]);
      const group = groups.get(key) ?? { sources: new Set(), targets: new Set(), gained, lost };
      for (const id of source.members) group.sources.add(id);
      for (const id of target.members) group.targets.add(id);
      groups.set(key, group);
    }
  }
  return { groups: mergeTargets([...groups.values()]), pairs };
}

/** Rules that any device newly is, or no longer is, a source of. */
function changedSources(touched: readonly Twins[]): Bits | undefined {
  const width = Math.max(0, ...touched.map((one) => one.src.changed.length));
  const bits = new Uint32Array(width);
  for (const one of touched) orInto(bits, one.src.changed);
  return isZero(bits) ? undefined : bits;
}

function memo<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Sources whose maps lead some of the addresses behind a target elsewhere than before. */
function reroutedTo(target: Twins, moved: Rerouted['moved']): ReadonlySet<Twins> {
  const routes = [...(target.was?.routes ?? []), ...(target.is?.routes ?? [])];
  if (routes.length === 0 || moved.size === 0) return NOBODY;
  const concerned = [...moved].filter(([, set]) => routes.some(({ range }) => setOverlapsRange(set, range)));
  return new Set(concerned.map(([source]) => source));
}
const NOBODY: ReadonlySet<Twins> = new Set();

interface Sides<T> {
  readonly was: T;
  readonly is: T;
}

interface Pair {
  readonly source: Twins;
  readonly target: Twins;
  readonly isRerouted: boolean;
}

/** Members of a class differ in addresses only, so any two of them stand for all. */
function difference(
  { source, target, isRerouted }: Pair,
  openings: Sides<readonly Opening[]>,
  ways: Sides<Ways>,
): { gained: FlowText[]; lost: FlowText[] } {
  if (source === target && target.members.length < 2) return { gained: [], lost: [] };
  const flows = (
    from: DeviceState | undefined,
    to: DeviceState | undefined,
    open: readonly Opening[],
  ): ReadonlyMap<number, readonly Flow[]> =>
    from === undefined || to === undefined
      ? new Map()
      : flowsBetween(source === target ? { ...from, id: -1 } : from, to, open);
  const was = flows(source.was, target.was, openings.was);
  const is = flows(source.is, target.is, openings.is);
  // A rule that opens the same before and after can neither be gained nor lost.
  const still = !source.moved && !target.moved && !isRerouted;
  const changed = (flowsBySlot: ReadonlyMap<number, readonly Flow[]>): Flow[] =>
    [...flowsBySlot].flatMap(([slot, own]) => (still && was.has(slot) && is.has(slot) ? [] : own));
  const whole = (flowsBySlot: ReadonlyMap<number, readonly Flow[]>): Flow[] =>
    [...flowsBySlot.values()].flat();
  const [opened, closed] = [changed(is), changed(was)];
  if (opened.length + closed.length === 0) return { gained: [], lost: [] };
  const viewer = source.members[source === target ? 1 : 0];
  const led = (some: readonly Flow[], side: 'was' | 'is'): readonly Flow[] =>
    flowsLed(some, source[side], target[side], (to) => ways[side].led(viewer ?? 0, to));
  const gained = flowsBeyond(led(opened, 'is'), led(whole(was), 'was'));
  const lost = flowsBeyond(led(closed, 'was'), led(whole(is), 'is'));
  return {
    gained: gained.map((flow) => flowText(flow, target.is ?? target.was)),
    lost: lost.map((flow) => flowText(flow, target.was ?? target.is)),
  };
}

function flowText({ protocol, ports, addresses }: Flow, target: DeviceState | undefined): FlowText {
  const all = target?.addresses ?? [];
  const meant = all.filter(({ addr }) => setContains(addresses, addr));
  const rest = subtractSets(addresses, setOfAddrs(meant.map(({ addr }) => addr)));
  const own = [...new Set(meant.map(({ addr }) => addr.family))];
  const ownInPart = own.length > 0 && meant.length < all.length;
  return { protocol, first: ports.first, last: ports.last, own, ownInPart, behind: formatSet(rest) };
}

/** Groups with equal sources and equal traffic become one with all their targets. */
function mergeTargets(
  groups: readonly { sources: Set<number>; targets: Set<number>; gained: FlowText[]; lost: FlowText[] }[],
): ImpactGroup[] {
  const merged = new Map<
    string,
    { sources: number[]; targets: Set<number>; gained: FlowText[]; lost: FlowText[] }
  >();
  for (const { sources, targets, gained, lost } of groups) {
    const ids = [...sources].sort((a, b) => a - b);
    const key = JSON.stringify([ids, gained, lost]);
    const group = merged.get(key) ?? { sources: ids, targets: new Set<number>(), gained, lost };
    for (const id of targets) group.targets.add(id);
    merged.set(key, group);
  }
  return [...merged.values()].map((group) => ({
    ...group,
    targets: [...group.targets].sort((a, b) => a - b),
  }));
}

/** Logins that open or close, on the devices whose rules are touched. */
function sshImpact(before: PolicyEngine, after: PolicyEngine, touched: readonly Twins[]): SshImpact[] {
  const targets = new Set<number>();
  for (const { core } of [before, after]) {
    const users = new Set<number>();
    for (const { members } of touched) {
      for (const id of members) {
        targets.add(id);
        const user = core.devices.get(id)?.user?.id;
        if (user !== undefined) users.add(user);
      }
    }
    for (const user of users) for (const { id } of core.devicesOfUser(user)) targets.add(id);
    if (core.program().sshUnits.size === 0 || touched.length === 0) continue;
    for (const { id, profile } of core.devices.values()) if (!isZero(profile.ssh.dst)) targets.add(id);
  }
  const out: SshImpact[] = [];
  for (const target of [...targets].sort((a, b) => a - b)) {
    // Nobody answers for a plain client.
    if ([before, after].some(({ core }) => core.devices.get(target)?.input.behind !== undefined)) continue;
    const [was, is] = [logins(before, target), logins(after, target)];
    const gained = [...is].filter((login) => !was.has(login));
    const lost = [...was].filter((login) => !is.has(login));
    if (gained.length + lost.length > 0) out.push({ target, gained, lost });
  }
  return out;
}

function logins(engine: PolicyEngine, target: number): Set<string> {
  const out = new Set<string>();
  for (const rule of engine.ssh(target).rules) {
    for (const { nodeIP } of rule.principals) {
      for (const [login, mapped] of Object.entries(rule.sshUsers)) {
        if (mapped !== '')
          out.add(`${nodeIP} as ${login === '*' ? 'any but root' : login}${rule.check ? ' (check)' : ''}`);
      }
    }
  }
  return out;
}
