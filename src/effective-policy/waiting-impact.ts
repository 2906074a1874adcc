/** Accesses to what nothing leads to yet. No packet passes, and whoever asks what a change does wants to know of them. */
import { isUnresolved, type PolicyEngine } from '../policy/index.ts';
import { type Names, nameOf } from './impact-names.ts';

export interface WaitingImpact {
  readonly resource: string;
  /** Its address, its name in DNS, or a pattern of names. */
  readonly address: string;
  readonly network: string | null;
  /** What it waits for: a gateway that finds an address of the name, or any gateway of the network. */
  readonly for: 'address' | 'gateway';
  /** Devices that gain or lose it. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

interface Devices {
  readonly opens: number[];
  readonly closes: number[];
}

export function waitingImpact(before: PolicyEngine, after: PolicyEngine, names: Names): WaitingImpact[] {
  const found = new Map<number, Devices>();
  const [old, present] = [waitingResources(before), waitingResources(after)];
  /** Also one that is there on one side alone: nothing leads to it on the other. */
  const isWaiting = (id: number): boolean =>
    (old.has(id) || !before.core.world.resources.has(id)) &&
    (present.has(id) || !after.core.world.resources.has(id));
  const devices = new Set([...before.core.devices.keys(), ...after.core.devices.keys()]);
  for (const device of devices) {
    const [was, is] = [openTo(before, device), openTo(after, device)];
    if (was === is) continue;
    const note = (key: keyof Devices, some: readonly number[], others: readonly number[]): void => {
      const known = new Set(others);
      for (const id of some) {
        if (known.has(id) || !isWaiting(id)) continue;
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
    for: present.get(id) ?? old.get(id) ?? 'address',
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

function waitingResources({ core: { world, devices } }: PolicyEngine): Map<number, WaitingImpact['for']> {
  const served = new Set(
    [...world.gateways.values()].flatMap(({ network, device }) =>
      devices.get(device ?? 0)?.active === true ? [network] : [],
    ),
  );
  const out = new Map<number, WaitingImpact['for']>();
  for (const resource of world.resources.values()) {
    if (!served.has(resource.network)) out.set(resource.id, 'gateway');
    else if (isUnresolved(resource)) out.set(resource.id, 'address');
  }
  return out;
}

const networkOf = ({ core: { world } }: PolicyEngine, id: number): number | undefined =>
  world.resources.get(id)?.network;
