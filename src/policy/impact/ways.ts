/**
 * Where the map of a device leads packets to addresses behind others: to the carrier of the longest prefix that it has there,
 * and what none has, on the internet, to whichever exit node its user chooses among those that it may use.
 */
import {
  EMPTY_SET,
  type IpSet,
  type Prefix,
  parsePrefix,
  setOfPrefixes,
  subtractSets,
  unionSets,
} from '../../kernel/netip/index.ts';
import type { DeviceState } from '../engine/device-state.ts';
import type { PolicyEngine } from '../engine/engine.ts';
import { INTERNET } from '../ranges.ts';

export interface Ways {
  /** What the viewer's map leads to a carrier, of all that is behind that one. */
  led(viewer: number, carrier: DeviceState): IpSet;
}

/** The prefixes of one map, but those of exit nodes. */
interface Table {
  readonly all: IpSet;
  readonly byCarrier: ReadonlyMap<number, IpSet>;
}

interface Entry {
  readonly carrier: number;
  readonly prefix: Prefix;
}

export function createWays(engine: PolicyEngine): Ways {
  const carriers = [...engine.core.devices.values()].filter(
    ({ active, routes }) => active && routes.some(({ exit }) => !exit),
  );
  const prefixes = new Map<string, Prefix | undefined>();
  const byViewer = new Map<number, Table>();
  /** Most devices have the same prefixes from the same carriers. */
  const byContent = new Map<string, Table>();

  function prefixOf(text: string): Prefix | undefined {
    if (!prefixes.has(text)) prefixes.set(text, parsePrefix(text));
    return prefixes.get(text);
  }

  function makeTable(viewer: number): Table {
    const got = carriers
      .map(({ id }) => ({ id, routes: engine.routes(viewer, id) }))
      .filter(({ routes }) => routes.length > 0);
    const key = got.map(({ id, routes }) => `${id}:${routes.join()}`).join(';');
    const known = byContent.get(key);
    if (known !== undefined) return known;
    const entries = got.flatMap(({ id, routes }) =>
      routes.flatMap((text): Entry[] => {
        const prefix = prefixOf(text);
        return prefix === undefined || prefix.bits === 0 ? [] : [{ carrier: id, prefix }];
      }),
    );
    const table = tableOf(entries);
    byContent.set(key, table);
    return table;
  }

  function tableFor(viewer: number): Table {
    const table = byViewer.get(viewer) ?? makeTable(viewer);
    byViewer.set(viewer, table);
    return table;
  }

  return {
    led(viewer, carrier) {
      const routes = engine.routes(viewer, carrier.id);
      if (routes.length === 0) return EMPTY_SET;
      const { all, byCarrier } = tableFor(viewer);
      const exits = new Set(
        routes.map(prefixOf).flatMap((one) => (one?.bits === 0 ? [one.addr.family] : [])),
      );
      const internet: IpSet = {
        v4: exits.has(4) ? INTERNET.v4 : [],
        v6: exits.has(6) ? INTERNET.v6 : [],
      };
      return unionSets([byCarrier.get(carrier.id) ?? EMPTY_SET, subtractSets(internet, all)]);
    },
  };
}

/** Longer prefixes go first, and leave the rest to shorter ones. Which one a client takes of two equal ones is its own affair. */
function tableOf(entries: readonly Entry[]): Table {
  const pieces = new Map<number, IpSet[]>();
  let all = EMPTY_SET;
  const byLength = [...Map.groupBy(entries, ({ prefix }) => prefix.bits)].sort(([a], [b]) => b - a);
  for (const [, group] of byLength) {
    const taken: IpSet[] = [all];
    for (const [carrier, own] of Map.groupBy(group, (one) => one.carrier)) {
      const set = setOfPrefixes(own.map(({ prefix }) => prefix));
      const known = pieces.get(carrier) ?? [];
      known.push(subtractSets(set, all));
      pieces.set(carrier, known);
      taken.push(set);
    }
    all = unionSets(taken);
  }
  return { all, byCarrier: new Map([...pieces].map(([carrier, sets]) => [carrier, unionSets(sets)])) };
}
