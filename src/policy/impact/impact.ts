/**
 * What a change would do before it is made: the exact traffic between live devices that opens and closes, the routes and
 * SSH logins that come and go. Devices are taken together as far as they are alike to the rules before and after.
 */
import { formatSet, setContains, setOfAddrs, subtractSets } from '../../kernel/netip/index.ts';
import { differInto, equalBits, isZero } from '../engine/bits.ts';
import type { Change } from '../engine/change.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { type Flow, flowsBetween, flowsBeyond, type Opening, openingsOf } from './flows.ts';

export interface FlowText {
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  /** Families of the destinations' own addresses that are meant. */
  readonly own: readonly (4 | 6)[];
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

export interface RouteImpact {
  readonly viewers: readonly number[];
  readonly carrier: number;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
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
  const classes = classesOf(before.core, after.core);
  const touched = classes.filter((one) => one.changed);
  const { groups, pairs } = flowImpact(before.core, after.core, classes, touched);
  return {
    flows: groups,
    routes: routeImpact(before, after, classes),
    ssh: sshImpact(before, after, touched),
    pairs,
  };
}

/** Devices that are alike before and after. */
interface TwinClass {
  readonly members: number[];
  readonly was: DeviceState | undefined;
  readonly is: DeviceState | undefined;
  /** Whether anything about their part in the rules is different. */
  readonly changed: boolean;
}

function classesOf(before: Core, after: Core): TwinClass[] {
  const classes = new Map<string, TwinClass>();
  const numbers = new Map<object, number>();
  const number = (key: object | undefined): number => {
    if (key === undefined) return 0;
    const known = numbers.get(key) ?? numbers.size + 1;
    numbers.set(key, known);
    return known;
  };
  for (const id of new Set([...before.devices.keys(), ...after.devices.keys()])) {
    const [was, is] = [before.devices.get(id), after.devices.get(id)];
    const changed = differs(was, is);
    const key = `${number(was?.profile)}/${number(is?.profile)}/${was?.tags.join()}/${is?.tags.join()}/${changed}`;
    const known = classes.get(key);
    if (known === undefined) classes.set(key, { members: [id], was, is, changed });
    else known.members.push(id);
  }
  return [...classes.values()];
}

function differs(was: DeviceState | undefined, is: DeviceState | undefined): boolean {
  if (was === undefined || is === undefined) return true;
  const [a, b] = [was.profile, is.profile];
  return (
    was.addressKey !== is.addressKey ||
    was.routeKey !== is.routeKey ||
    a.active !== b.active ||
    a.selfUser !== b.selfUser ||
    a.dstNames !== b.dstNames ||
    !equalBits(a.net.src, b.net.src) ||
    !equalBits(a.net.dst, b.net.dst) ||
    !equalBits(a.self, b.self) ||
    !equalBits(a.ssh.src, b.ssh.src) ||
    !equalBits(a.ssh.dst, b.ssh.dst)
  );
}

function flowImpact(
  before: Core,
  after: Core,
  classes: readonly TwinClass[],
  touched: readonly TwinClass[],
): { groups: ImpactGroup[]; pairs: number } {
  const groups = new Map<
    string,
    { sources: Set<number>; targets: Set<number>; gained: FlowText[]; lost: FlowText[] }
  >();
  let pairs = 0;
  const isTouched = new Set(touched);
  for (const target of classes) {
    const sources = isTouched.has(target) ? classes : touched;
    const openings = memo(() => ({
      was: target.was === undefined ? [] : openingsOf(before, target.was),
      is: target.is === undefined ? [] : openingsOf(after, target.is),
    }));
    for (const source of sources) {
      if (!mayDiffer(source, target)) continue;
      const { gained, lost } = difference(source, target, openings());
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

function memo<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Rules that one side newly takes part in (or no longer does) and the other takes part in at all. */
function mayDiffer(source: TwinClass, target: TwinClass): boolean {
  const none = new Uint32Array(0);
  const src = [source.was?.profile.net.src ?? none, source.is?.profile.net.src ?? none] as const;
  const dst = [target.was?.profile.net.dst ?? none, target.is?.profile.net.dst ?? none] as const;
  const self = [source.was?.profile.self ?? none, source.is?.profile.self ?? none] as const;
  if (!isZero(self[0]) || !isZero(self[1])) return true;
  const width = Math.max(src[0].length, src[1].length, dst[0].length, dst[1].length);
  const was = new Uint32Array(width);
  const is = new Uint32Array(width);
  for (let i = 0; i < width; i++) {
    was[i] = (src[0][i] ?? 0) & (dst[0][i] ?? 0);
    is[i] = (src[1][i] ?? 0) & (dst[1][i] ?? 0);
  }
  const moved =
    source.was?.addressKey !== source.is?.addressKey || target.was?.routeKey !== target.is?.routeKey;
  const renamed =
    target.was?.profile.dstNames !== target.is?.profile.dstNames ||
    target.was?.addressKey !== target.is?.addressKey;
  if ((moved || renamed) && !(isZero(was) && isZero(is))) return true;
  const different = new Uint32Array(width);
  differInto(different, was, is);
  return !isZero(different);
}

interface Openings {
  readonly was: readonly Opening[];
  readonly is: readonly Opening[];
}

/** Members of a class differ in addresses only, so any two of them stand for all. */
function difference(
  source: TwinClass,
  target: TwinClass,
  openings: Openings,
): { gained: FlowText[]; lost: FlowText[] } {
  const other = (state: DeviceState | undefined): DeviceState | undefined =>
    state === undefined || source !== target ? state : { ...state, id: -1 };
  const flows = (
    from: DeviceState | undefined,
    to: DeviceState | undefined,
    open: readonly Opening[],
  ): Flow[] => (from === undefined || to === undefined ? [] : flowsBetween(from, to, open));
  const was =
    source === target && target.members.length < 2 ? [] : flows(other(source.was), target.was, openings.was);
  const is =
    source === target && target.members.length < 2 ? [] : flows(other(source.is), target.is, openings.is);
  return {
    gained: flowsBeyond(is, was).map((flow) => flowText(flow, target.is ?? target.was)),
    lost: flowsBeyond(was, is).map((flow) => flowText(flow, target.was ?? target.is)),
  };
}

function flowText({ protocol, ports, addresses }: Flow, target: DeviceState | undefined): FlowText {
  const meant = (target?.addresses ?? []).filter(({ addr }) => setContains(addresses, addr));
  const rest = subtractSets(addresses, setOfAddrs(meant.map(({ addr }) => addr)));
  const own = [...new Set(meant.map(({ addr }) => addr.family))];
  return { protocol, first: ports.first, last: ports.last, own, behind: formatSet(rest) };
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

/** Prefixes that viewers get or lose, for each device that routes something. */
function routeImpact(
  before: PolicyEngine,
  after: PolicyEngine,
  classes: readonly TwinClass[],
): RouteImpact[] {
  const out: RouteImpact[] = [];
  const carriers = new Set<number>();
  for (const { core } of [before, after]) {
    for (const device of core.devices.values()) if (device.routes.length > 0) carriers.add(device.id);
  }
  for (const carrier of carriers) {
    const groups = new Map<string, { viewers: number[]; gained: string[]; lost: string[] }>();
    for (const one of classes) {
      const viewer = one.members.find((id) => id !== carrier);
      if (viewer === undefined) continue;
      const [was, is] = [routesOf(before, viewer, carrier), routesOf(after, viewer, carrier)];
      const gained = is.filter((route) => !was.includes(route));
      const lost = was.filter((route) => !is.includes(route));
      if (gained.length + lost.length === 0) continue;
      const key = `${gained.join()}|${lost.join()}`;
      const group = groups.get(key) ?? { viewers: [], gained, lost };
      group.viewers.push(...one.members.filter((id) => id !== carrier));
      groups.set(key, group);
    }
    for (const group of groups.values()) out.push({ carrier, ...group });
  }
  return out;
}

function routesOf(engine: PolicyEngine, viewer: number, carrier: number): string[] {
  if (!engine.sees(viewer, carrier)) return [];
  const own = new Set(engine.core.devices.get(carrier)?.addresses.map(({ prefix }) => prefix));
  return engine.view(viewer, carrier).allowedIPs.filter((prefix) => !own.has(prefix));
}

/** Logins that open or close, on the devices whose rules are touched. */
function sshImpact(before: PolicyEngine, after: PolicyEngine, touched: readonly TwinClass[]): SshImpact[] {
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
