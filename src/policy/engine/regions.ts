/**
 * Where routes follow relay regions: which carriers of a prefix are connected in each region, and in what order a device
 * looks through the regions. Nothing is kept while no device says where it is.
 */
import type { DeviceInput } from '../world.ts';
import type { DeviceState, RouteInfo } from './device-state.ts';
import { primaryKey } from './world-state.ts';

/** Connected carriers of one prefix by their home region. */
type Carriers = ReadonlyMap<number, ReadonlySet<number>>;

/** What counts of a device. */
export type Located = Pick<DeviceState, 'id' | 'input' | 'routes'>;

export interface Regions {
  /**
   * Gives the regions with carriers in the order in which the device prefers them. Devices with equal orders are alike to
   * routes.
   */
  add(device: Located): readonly number[];
  remove(device: Located): void;
  /** Whether any device has regions. */
  inUse(): boolean;
  /** Begins a batch of changes: what was before it is remembered. */
  begin(): void;
  /** Devices whose order is another than when they were added, since carriers are in other regions. */
  reordered(): readonly number[];
  /** Prefixes whose connected carriers, or their regions, are others since the batch began. */
  moved(): ReadonlySet<string>;
  /** The carrier of a prefix in the first of the regions that has one; undefined when none has. */
  carrier(question: CarrierQuestion): number | undefined;
  /** The same for the time before the batch. */
  carrierBefore(question: CarrierQuestion): number | undefined;
}

export interface CarrierQuestion {
  /** The order of regions of whoever asks. */
  readonly order: readonly number[];
  readonly network: number;
  readonly prefix: string;
  /** The ordinary carrier: within its region it goes first. */
  readonly primary: number | undefined;
  /** Others do not count. */
  readonly among?: ReadonlySet<number>;
}

const NOWHERE: readonly number[] = [];
const NO_CARRIERS: Carriers = new Map();

/** The home region of a device; undefined where it is not known, or routes do not follow regions. */
export const homeOf = ({ regions }: DeviceInput): number | undefined => regions?.[0];

/** Within a region the ordinary carrier goes first, then the oldest. */
function pick(carriers: Carriers, { order, primary, among }: CarrierQuestion): number | undefined {
  for (const region of order) {
    const here = [...(carriers.get(region) ?? [])].filter((id) => among === undefined || among.has(id));
    if (here.length > 0) return primary !== undefined && here.includes(primary) ? primary : Math.min(...here);
  }
  return undefined;
}

const copyOf = (carriers: Carriers): Carriers =>
  new Map([...carriers].map(([region, devices]) => [region, new Set(devices)]));

function isSame(a: Carriers, b: Carriers): boolean {
  return (
    a.size === b.size &&
    [...a].every(([region, devices]) => {
      const others = b.get(region);
      return others?.size === devices.size && devices.isSubsetOf(others);
    })
  );
}

export function createRegions(): Regions {
  const carriers = new Map<string, Map<number, Set<number>>>();
  /** How many devices in a region carry something, connected or not: what comes and goes must not reorder everybody. */
  const populated = new Map<number, number>();
  const located = new Map<number, { readonly input: DeviceInput; readonly order: string }>();
  /** The populated regions as one text; and those texts that the orders given since the last look rest on. */
  let populatedKey = '';
  const seen = new Set<string>();
  let before = new Map<string, Carriers>();
  let texts = new Map<string, string>();

  const orderOf = ({ regions }: DeviceInput): readonly number[] =>
    regions === undefined ? NOWHERE : regions.filter((region) => populated.has(region));

  function populate(region: number, by: 1 | -1): void {
    const count = (populated.get(region) ?? 0) + by;
    if (count === 0) populated.delete(region);
    else populated.set(region, count);
    if (count === 0 || (by === 1 && count === 1))
      populatedKey = [...populated.keys()].sort((a, b) => a - b).join();
  }

  function carriersOf(key: string, route: RouteInfo): Map<number, Set<number>> {
    const own = carriers.get(key) ?? new Map<number, Set<number>>();
    if (!before.has(key)) before.set(key, copyOf(own));
    texts.set(key, route.text);
    carriers.set(key, own);
    return own;
  }

  /** Counts a device in or out, with all that it carries while it is connected. */
  function each(
    { input, routes }: Located,
    by: 1 | -1,
    work: (region: number, key: string, route: RouteInfo) => void,
  ): void {
    const region = homeOf(input);
    const carried = routes.filter(({ exit }) => !exit);
    if (region === undefined || carried.length === 0) return;
    populate(region, by);
    if (input.online !== true) return;
    for (const route of carried) work(region, primaryKey(route.network, route.text), route);
  }

  return {
    add(device) {
      each(device, 1, (region, key, route) => {
        const own = carriersOf(key, route);
        own.set(region, (own.get(region) ?? new Set()).add(device.id));
      });
      if (device.input.regions === undefined) return NOWHERE;
      const order = orderOf(device.input);
      located.set(device.id, { input: device.input, order: order.join() });
      seen.add(populatedKey);
      return order;
    },
    remove(device) {
      located.delete(device.id);
      each(device, -1, (region, key, route) => {
        const own = carriersOf(key, route);
        own.get(region)?.delete(device.id);
        if (own.get(region)?.size === 0) own.delete(region);
        if (own.size === 0) carriers.delete(key);
      });
    },
    inUse: () => located.size > 0,
    begin() {
      before = new Map();
      texts = new Map();
    },
    reordered() {
      const same = [...seen].every((key) => key === populatedKey);
      seen.clear();
      if (located.size > 0) seen.add(populatedKey);
      if (same) return [];
      return [...located].flatMap(([id, { input, order }]) => (orderOf(input).join() === order ? [] : [id]));
    },
    moved() {
      const out = new Set<string>();
      for (const [key, was] of before)
        if (!isSame(was, carriers.get(key) ?? NO_CARRIERS)) out.add(texts.get(key) ?? '');
      return out;
    },
    carrier(question) {
      if (question.order.length === 0) return undefined;
      return pick(carriers.get(primaryKey(question.network, question.prefix)) ?? NO_CARRIERS, question);
    },
    carrierBefore(question) {
      if (question.order.length === 0) return undefined;
      const key = primaryKey(question.network, question.prefix);
      return pick(before.get(key) ?? carriers.get(key) ?? NO_CARRIERS, question);
    },
  };
}
