/** The prefixes that viewers get or lose, for each device that routes something. */
import { type IpSet, parseAddrOrPrefix, setOfPrefixes } from '../../kernel/netip/index.ts';
import { type Bits, differInto, intersects, isZero, orInto, setSlots } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { type RouteBits, routeBitsOf } from '../engine/route-views.ts';
import type { Twins } from './twins.ts';

export interface RouteImpact {
  readonly viewers: readonly number[];
  readonly carrier: number;
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

export interface Rerouted {
  readonly routes: readonly RouteImpact[];
  /** Of viewers that get prefixes from others than before: all of those prefixes. */
  readonly moved: ReadonlyMap<Twins, IpSet>;
}

export function routeImpact(before: PolicyEngine, after: PolicyEngine, classes: readonly Twins[]): Rerouted {
  const routes: RouteImpact[] = [];
  const moved = new Map<Twins, Set<string>>();
  const elected = sameElections(before.core, after.core, classes);
  const holders = holdersOf(classes);
  for (const own of classes.filter(routesSomething)) {
    // Those who stand by for a prefix have it from its carrier by whatever rule they see that one.
    const standbys = new Set(subnetsOf(own).flatMap((text) => holders.get(text) ?? []));
    for (const carrier of own.members) {
      const rules = rulesOfRoutes(before.core, after.core, carrier);
      const groups = new Map<string, { viewers: number[]; gained: string[]; lost: string[] }>();
      for (const one of classes) {
        const isSettled = elected && !own.moved && !one.moved && !standbys.has(one);
        if (isSettled && !isConcerned(one, rules)) continue;
        const viewer = one.members.find((id) => id !== carrier);
        if (viewer === undefined) continue;
        const [was, is] = [before.routes(viewer, carrier), after.routes(viewer, carrier)];
        const gained = is.filter((route) => !was.includes(route));
        const lost = was.filter((route) => !is.includes(route));
        if (gained.length + lost.length === 0) continue;
        const key = `${gained.join()}|${lost.join()}`;
        const group = groups.get(key) ?? { viewers: [], gained, lost };
        group.viewers.push(...one.members.filter((id) => id !== carrier));
        groups.set(key, group);
        const texts = moved.get(one) ?? new Set();
        for (const text of [...gained, ...lost]) texts.add(text);
        moved.set(one, texts);
      }
      for (const group of groups.values()) routes.push({ carrier, ...group });
    }
  }
  return { routes, moved: new Map([...moved].map(([one, texts]) => [one, setOfTexts(texts)])) };
}

const setOfTexts = (texts: Iterable<string>): IpSet =>
  setOfPrefixes([...texts].map(parseAddrOrPrefix).filter((prefix) => prefix !== undefined));

const routesSomething = ({ was, is }: Twins): boolean =>
  (was?.routes.length ?? 0) + (is?.routes.length ?? 0) > 0;

const subnetsOf = ({ was, is }: Twins): string[] =>
  [...(was?.routes ?? []), ...(is?.routes ?? [])].filter(({ exit }) => !exit).map(({ text }) => text);

function holdersOf(classes: readonly Twins[]): ReadonlyMap<string, readonly Twins[]> {
  const holders = new Map<string, Twins[]>();
  for (const one of classes) {
    for (const text of new Set(subnetsOf(one))) {
      const known = holders.get(text) ?? [];
      known.push(one);
      holders.set(text, known);
    }
  }
  return holders;
}

/** Rules that lead into a device's routes, and those that lead out of them; and those of them that did not, or no longer do. */
interface RulesOfRoutes {
  readonly into: Bits;
  readonly outOf: Bits;
  /** Undefined: none. */
  readonly intoChanged: Bits | undefined;
  readonly outOfChanged: Bits | undefined;
}

/** Whether a viewer's part in these rules is different, or that of the routes in rules of the viewer. */
const isConcerned = ({ src, dst }: Twins, rules: RulesOfRoutes): boolean =>
  intersects(src.changed, rules.into) ||
  intersects(dst.changed, rules.outOf) ||
  (rules.intoChanged !== undefined && intersects(src.ever, rules.intoChanged)) ||
  (rules.outOfChanged !== undefined && intersects(dst.ever, rules.outOfChanged));

function rulesOfRoutes(before: Core, after: Core, carrier: number): RulesOfRoutes {
  const width = Math.max(before.program().words.net, after.program().words.net);
  const empty = (): Bits => new Uint32Array(width);
  const rules = { into: empty(), outOf: empty(), intoChanged: empty(), outOfChanged: empty() };
  const [was, is] = [before, after].map((core): readonly RouteBits[] => {
    const device = core.devices.get(carrier);
    return device === undefined ? [] : routeBitsOf(core.program(), device, core.asFile());
  });
  for (const [a, b] of pairs(was ?? [], is ?? [])) {
    const [intoWas, intoIs] = [intoOf(a, width), intoOf(b, width)];
    const [outWas, outIs] = [outOfOf(a, width), outOfOf(b, width)];
    for (const into of [intoWas, intoIs]) orInto(rules.into, into);
    for (const outOf of [outWas, outIs]) orInto(rules.outOf, outOf);
    differInto(rules.intoChanged, intoWas, intoIs);
    differInto(rules.outOfChanged, outWas, outIs);
  }
  return {
    ...rules,
    intoChanged: isZero(rules.intoChanged) ? undefined : rules.intoChanged,
    outOfChanged: isZero(rules.outOfChanged) ? undefined : rules.outOfChanged,
  };
}

function* pairs<T>(a: readonly T[], b: readonly T[]): Generator<[T | undefined, T | undefined]> {
  for (let i = 0; i < Math.max(a.length, b.length); i++) yield [a[i], b[i]];
}

/** With the rules by which another network takes the prefix away. */
function intoOf(bits: RouteBits | undefined, width: number): Bits {
  const out = new Uint32Array(width);
  if (bits === undefined) return out;
  orInto(out, bits.dst);
  orInto(out, bits.via);
  for (const { dst } of bits.rivals) setSlots(out, dst);
  return out;
}

function outOfOf(bits: RouteBits | undefined, width: number): Bits {
  const out = new Uint32Array(width);
  if (bits !== undefined) orInto(out, bits.src);
  return out;
}

/** Whether prefixes surely have the same carriers for everybody, and rules with `via` the same ones to choose from. */
function sameElections(before: Core, after: Core, classes: readonly Twins[]): boolean {
  if (before.regions.inUse() || after.regions.inUse()) return false;
  const [was, is] = [before.world.primaries, after.world.primaries];
  if (was.size !== is.size || [...was].some(([key, device]) => is.get(key) !== device)) return false;
  if (before.program().viaUnits.length + after.program().viaUnits.length === 0) return true;
  return !classes.some((one) => routesSomething(one) && (one.moved || isRetagged(one)));
}

const isRetagged = ({ was, is }: Twins): boolean => was?.tags.join() !== is?.tags.join();
