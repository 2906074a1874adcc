import {
  type Addr,
  formatSet,
  type IpSet,
  parsePrefix,
  setContains,
  setOfAddrs,
  setOfPrefixes,
  subtractSets,
  unionSets,
} from '../../kernel/netip/index.ts';
import { ALL_DEVICES } from '../ranges.ts';
import type { DeviceState } from './device-state.ts';
import type { WildTexts } from './source-texts.ts';

/** Keeps what `*` lists as a source: device address blocks and every enabled subnet route in the organization. */
export interface WildTracker {
  remove(device: DeviceState): void;
  add(device: DeviceState): void;
  /** Recomputes the lists; true when they differ from before. */
  refresh(edgeOnlyBlocks: readonly string[]): boolean;
  current(): WildTexts;
  /** Devices that carry a prefix. */
  holders(route: string): ReadonlySet<number>;
}

const NONE: ReadonlySet<number> = new Set();

export function createWildTracker(): WildTracker {
  const holders = new Map<string, Set<number>>();
  const listed = new Map<string, number>();
  const edgeOnly = new Map<number, DeviceState>();
  let stale = true;
  let key = '';
  let texts: WildTexts = { blocks: ALL_DEVICES, routes: [] };

  function count(text: string, by: number): void {
    const before = listed.get(text) ?? 0;
    const after = before + by;
    if (after === 0) listed.delete(text);
    else listed.set(text, after);
    if (before === 0 || after === 0) stale = true;
  }

  function each(device: DeviceState, by: 1 | -1): void {
    if (!device.active) return;
    if (device.input.class === 'edge-only' && device.input.behind === undefined) {
      if (by === 1) edgeOnly.set(device.id, device);
      else edgeOnly.delete(device.id);
      stale = true;
    }
    for (const route of device.routes) {
      const set = holders.get(route.text) ?? new Set();
      holders.set(route.text, set);
      if (by === 1) set.add(device.id);
      else set.delete(device.id);
      if (route.layer === 'manual' && !route.exit) count(route.text, by);
    }
  }

  /** Their blocks, and any address that one of them has outside of those. */
  function edgeOnlyAddresses(blocks: readonly string[]): IpSet {
    const set = setOfPrefixes(blocks.map(parsePrefix).filter((prefix) => prefix !== undefined));
    const strays: Addr[] = [];
    for (const { addresses } of edgeOnly.values()) {
      for (const { addr } of addresses) if (!setContains(set, addr)) strays.push(addr);
    }
    return strays.length === 0 ? set : unionSets([set, setOfAddrs(strays)]);
  }

  return {
    remove: (device) => each(device, -1),
    add: (device) => each(device, 1),
    current: () => texts,
    holders: (route) => holders.get(route) ?? NONE,
    refresh(edgeOnlyBlocks) {
      if (!stale) return false;
      stale = false;
      const blocks =
        edgeOnly.size === 0 ? ALL_DEVICES : subtractSets(ALL_DEVICES, edgeOnlyAddresses(edgeOnlyBlocks));
      texts = { blocks, routes: [...listed.keys()].sort() };
      const before = key;
      key = `${formatSet(blocks).join()}|${texts.routes.join()}`;
      return key !== before;
    },
  };
}
