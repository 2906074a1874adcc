import { type IpSet, isEmptySet, rangesOf, setCovers } from '../../kernel/netip/index.ts';
import { setKey } from '../compile/selectors.ts';
import type { DstSpec } from '../compile/unit.ts';
import type { Unit } from '../engine/program.ts';
import { createSpans, type Spans } from '../engine/spans.ts';
import { INTERNET } from '../ranges.ts';
import type { Endpoint } from './endpoint.ts';
import { type PortSet, portSetOf } from './port-sets.ts';

/** One list of destinations of a rule, and the ports that are open there. */
export interface Opening {
  readonly unit: Unit;
  ports(): PortSet;
}

/** Finds what rules open at an endpoint, whoever the source is. */
export interface Destinations {
  /** In policy order. `own`: source and target are devices of one person. */
  of(target: Endpoint, own: boolean): Opening[];
  /** Equal for endpoints at which the same is open. */
  place(target: Endpoint): string;
}

interface NamedSet {
  readonly set: IpSet;
  readonly openings: Set<number>;
}

export function indexDestinations(units: readonly Unit[]): Destinations {
  const openings: Opening[] = [];
  const any = new Set<number>();
  const internet = new Set<number>();
  const self = new Set<number>();
  const byAtom = new Map<string, Set<number>>();
  const bySet = new Map<string, NamedSet>();

  const listFor = (dst: DstSpec): Set<number> | undefined => {
    switch (dst.kind) {
      case 'any':
        return any;
      case 'internet':
      case 'exit':
        return internet;
      case 'resolver':
        return undefined;
      case 'atom': {
        const list = byAtom.get(dst.atom) ?? new Set();
        byAtom.set(dst.atom, list);
        return list;
      }
      case 'literal': {
        const key = setKey(dst.set);
        const named = bySet.get(key) ?? { set: dst.set, openings: new Set() };
        bySet.set(key, named);
        return named.openings;
      }
    }
  };

  for (const unit of units) {
    for (const { dst, allow } of unit.spec.targets) {
      const at = openings.length;
      let ports: PortSet | undefined;
      openings.push({
        unit,
        ports() {
          ports ??= portSetOf(allow);
          return ports;
        },
      });
      if (unit.spec.reach.kind === 'self') self.add(at);
      else for (const one of dst) listFor(one)?.add(at);
    }
  }

  let spans: Spans<NamedSet> | undefined;
  const spansNow = (): Spans<NamedSet> => {
    spans ??= createSpans([...bySet.values()].map((named) => [named.set, named]));
    return spans;
  };

  const isAny = (target: Endpoint): boolean => target.wild || target.device === undefined;
  const isInternet = ({ addresses }: Endpoint): boolean =>
    !isEmptySet(addresses) && setCovers(INTERNET, addresses);

  return {
    of(target, own) {
      const found = new Set<number>();
      const add = (list: Iterable<number>): void => {
        for (const at of list) found.add(at);
      };
      if (own) add(self);
      if (isAny(target)) add(any);
      if (isInternet(target)) add(internet);
      for (const principal of target.principals) add(byAtom.get(principal) ?? []);
      for (const range of rangesOf(target.addresses)) {
        for (const named of spansNow().touching(range)) add(named.openings);
      }
      return [...new Uint32Array(found).sort()].flatMap((at) => openings[at] ?? []);
    },
    place(target) {
      const principals = [...target.principals].filter((principal) => byAtom.has(principal));
      // A range that begins and ends at places of its own is compared by both: here they are single addresses.
      const places = [...rangesOf(target.addresses)].map(
        (range) => `${range.family}:${spansNow().place(range)}`,
      );
      return `${isAny(target) ? '*' : ''}${isInternet(target) ? '@' : ''}/${places.join()}/${principals.join()}`;
    },
  };
}
