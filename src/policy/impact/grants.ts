/** What a change does to what rides on the rules: capabilities of applications, and attributes of devices. */
import type { DeviceState } from '../engine/device-state.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { unitsOf } from '../engine/filter.ts';
import type { CapMap } from '../engine/output.ts';

/** A capability with its arguments, which sources gain or lose towards one device. */
export interface CapabilityImpact {
  readonly target: number;
  readonly capability: string;
  /** As JSON text. */
  readonly arguments: string;
  /** Source addresses, ranges, prefixes. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

export interface AttributeImpact {
  readonly device: number;
  /** `name`, or the name with its values as JSON text behind it. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

type Sources = Map<string, ReadonlySet<string>>;

export function capabilityImpact(before: PolicyEngine, after: PolicyEngine): CapabilityImpact[] {
  const [was, is] = [granting(before), granting(after)];
  const out: CapabilityImpact[] = [];
  for (const target of new Set([...was, ...is])) {
    const [old, present] = [
      was.has(target) ? sourcesOf(before, target) : new Map(),
      is.has(target) ? sourcesOf(after, target) : new Map(),
    ];
    for (const key of new Set<string>([...old.keys(), ...present.keys()])) {
      const [had, has] = [old.get(key) ?? NOBODY, present.get(key) ?? NOBODY];
      const [gained, lost] = [[...has.difference(had)], [...had.difference(has)]];
      if (gained.length + lost.length === 0) continue;
      const [capability, values] = JSON.parse(key) as [string, string];
      out.push({ target, capability, arguments: values, gained, lost });
    }
  }
  return out;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Devices that are destinations of rules with capabilities. */
function granting({ core }: PolicyEngine): Set<number> {
  const program = core.program();
  const found = new Set<number>();
  if (![...program.units.values()].some(({ spec }) => spec.grants.length > 0)) return found;
  const isGranting = (device: DeviceState): boolean =>
    unitsOf(program, device).some(({ spec }) => spec.grants.length > 0);
  for (const device of core.devices.values()) if (device.active && isGranting(device)) found.add(device.id);
  return found;
}

/** Who has which capability, by the text of its name and arguments. */
function sourcesOf(engine: PolicyEngine, target: number): Sources {
  const out = new Map<string, Set<string>>();
  for (const { SrcIPs, CapGrant = [] } of engine.filter(target).rules) {
    for (const [name, values] of CapGrant.flatMap(({ CapMap }) => Object.entries(CapMap))) {
      const key = JSON.stringify([name, JSON.stringify(values)]);
      const sources = out.get(key) ?? new Set();
      for (const source of SrcIPs) sources.add(source);
      out.set(key, sources);
    }
  }
  return out;
}

/** Of devices that are there before and after. */
export function attributeImpact(before: PolicyEngine, after: PolicyEngine): AttributeImpact[] {
  const out: AttributeImpact[] = [];
  for (const [device, { profile, active }] of after.core.devices) {
    const was = before.core.devices.get(device);
    if (was?.active !== true || !active || was.profile.caps === profile.caps) continue;
    const [had, has] = [attributes(was.profile.caps), attributes(profile.caps)];
    const [gained, lost] = [[...has.difference(had)], [...had.difference(has)]];
    if (gained.length + lost.length > 0) out.push({ device, gained, lost });
  }
  return out;
}

const attributes = (caps: CapMap): Set<string> =>
  new Set(
    Object.entries(caps).map(([name, values]) =>
      values === null ? name : `${name} ${JSON.stringify(values)}`,
    ),
  );
