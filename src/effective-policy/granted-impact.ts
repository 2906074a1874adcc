/** Capabilities and attributes that a change gives and takes, with names. */
import { attributeImpact, capabilityImpact, FIRST_DEVICE_RANGE, type PolicyEngine } from '../policy/index.ts';
import { type Names, nameOf } from './impact-names.ts';

export interface NamedCapability {
  readonly targets: readonly string[];
  readonly capability: string;
  /** As JSON text, in which numbers are as they were written. */
  readonly arguments: string;
  /** Devices, or the addresses of sources that are none, which gain or lose it; `*` for all devices. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

export interface NamedAttributes {
  readonly devices: readonly string[];
  /** Names, each with its values as JSON text behind it where it has any. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

/** `*` is spelled as the devices' blocks, less those of devices that it does not mean. */
const isRangeOfAll = (text: string): boolean => text.includes('-') || text === ALL_IPV6;
const ALL_IPV6 = 'fd7a:115c:a1e0::/48';

export function namedCapabilities(
  before: PolicyEngine,
  after: PolicyEngine,
  names: Names,
): NamedCapability[] {
  const groups = new Map<string, Omit<NamedCapability, 'targets'> & { readonly targets: string[] }>();
  const named = (sources: readonly string[]): string[] => {
    const all = sources.includes(FIRST_DEVICE_RANGE);
    const others = all ? sources.filter((source) => !isRangeOfAll(source)) : sources;
    return [...new Set([...(all ? ['*'] : []), ...others.map((source) => names.at(source) ?? source)])];
  };
  for (const { target, gained, lost, ...what } of capabilityImpact(before, after)) {
    const [opens, closes] = [named(gained), named(lost)];
    const key = JSON.stringify([what, opens, closes]);
    const group = groups.get(key) ?? { ...what, targets: [], opens, closes };
    group.targets.push(nameOf(names, target));
    groups.set(key, group);
  }
  return [...groups.values()];
}

export function namedAttributes(before: PolicyEngine, after: PolicyEngine, names: Names): NamedAttributes[] {
  const groups = new Map<string, Omit<NamedAttributes, 'devices'> & { readonly devices: string[] }>();
  for (const { device, gained, lost } of attributeImpact(before, after)) {
    const key = JSON.stringify([gained, lost]);
    const group = groups.get(key) ?? { devices: [], opens: gained, closes: lost };
    group.devices.push(nameOf(names, device));
    groups.set(key, group);
  }
  return [...groups.values()];
}
