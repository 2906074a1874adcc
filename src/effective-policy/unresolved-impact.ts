/** Accesses to names without an address. No packet passes yet, and whoever asks what a change does wants to know of them. */
import { isUnresolved, type PolicyEngine } from '../policy/index.ts';
import { type Names, nameOf } from './impact-names.ts';

export interface UnresolvedImpact {
  readonly resource: string;
  /** The name in DNS, or a pattern of names. */
  readonly address: string;
  readonly network: string | null;
  /** Devices that gain or lose it. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

interface Devices {
  readonly opens: number[];
  readonly closes: number[];
}

export function unresolvedImpact(
  before: PolicyEngine,
  after: PolicyEngine,
  names: Names,
): UnresolvedImpact[] {
  const found = new Map<number, Devices>();
  const devices = new Set([...before.core.devices.keys(), ...after.core.devices.keys()]);
  for (const device of devices) {
    const [was, is] = [openTo(before, device), openTo(after, device)];
    if (was === is) continue;
    const note = (key: keyof Devices, some: readonly number[], others: readonly number[]): void => {
      const known = new Set(others);
      for (const id of some) {
        if (known.has(id) || !hasNoAddress(before, id) || !hasNoAddress(after, id)) continue;
        const one = found.get(id) ?? { opens: [], closes: [] };
        one[key].push(device);
        found.set(id, one);
      }
    };
    note('opens', is, was);
    note('closes', was, is);
  }
  return [...found].map(([id, { opens, closes }]) => ({
    resource: names.thing(id)?.name ?? 'a resource',
    address: names.thing(id)?.address ?? '',
    network: names.thing(networkOf(after, id) ?? networkOf(before, id) ?? 0)?.name ?? null,
    opens: opens.map((device) => nameOf(names, device)),
    closes: closes.map((device) => nameOf(names, device)),
  }));
}

const NONE: readonly number[] = [];

/** A plain client asks its own gateway alone. */
function openTo(engine: PolicyEngine, device: number): readonly number[] {
  const { devices } = engine.core;
  const state = devices.get(device);
  if (state?.active !== true) return NONE;
  const { behind } = state.input;
  if (behind === undefined) return engine.opened(device);
  const networks = devices.get(behind)?.networks ?? NONE;
  return engine.opened(device).filter((id) => networks.includes(networkOf(engine, id) ?? 0));
}

/** Also one that is not there: it has no address either. */
const hasNoAddress = ({ core: { world } }: PolicyEngine, id: number): boolean => {
  const resource = world.resources.get(id);
  return resource === undefined || isUnresolved(resource);
};

const networkOf = ({ core: { world } }: PolicyEngine, id: number): number | undefined =>
  world.resources.get(id)?.network;
