import { formatSet, parsePrefix, setOfPrefixes, subtractSets } from '../../kernel/netip/index.ts';
import { ALL_DEVICES } from '../compile/ranges.ts';
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
  let edgeOnly = 0;
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
    if (device.input.class === 'edge-only') {
      edgeOnly += by;
      if (edgeOnly === 0 || (edgeOnly === 1 && by === 1)) stale = true;
    }
    for (const route of device.routes) {
      const set = holders.get(route.text) ?? new Set();
      holders.set(route.text, set);
      if (by === 1) set.add(device.id);
      else set.delete(device.id);
      if (route.layer === 'manual' && !route.exit) count(route.text, by);
    }
  }

  return {
    remove: (device) => each(device, -1),
    add: (device) => each(device, 1),
    current: () => texts,
    holders: (route) => holders.get(route) ?? NONE,
    refresh(edgeOnlyBlocks) {
      if (!stale) return false;
      stale = false;
      const cut =
        edgeOnly > 0 ? edgeOnlyBlocks.map(parsePrefix).filter((prefix) => prefix !== undefined) : [];
      const blocks = cut.length === 0 ? ALL_DEVICES : subtractSets(ALL_DEVICES, setOfPrefixes(cut));
      texts = { blocks, routes: [...listed.keys()].sort() };
      const before = key;
      key = `${formatSet(blocks).join()}|${texts.routes.join()}`;
      return key !== before;
    },
  };
}
