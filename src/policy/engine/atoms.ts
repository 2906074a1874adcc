import {
  type Addr,
  formatAddr,
  type IpSet,
  rangesOf,
  setContains,
  setOverlapsRange,
} from '../../kernel/netip/index.ts';
import { touchesDevices } from '../ranges.ts';
import type { Bits } from './bits.ts';
import type { RouteInfo } from './device-state.ts';

/**
 * An atom is the smallest thing that rules tell devices apart by: a user, a group, a tag, an autogroup, a set of literal
 * addresses. For each it is known which rules it is a source or destination of.
 */
export interface Atom {
  readonly id: number;
  readonly key: string;
  readonly bits: AtomBits;
  /** Devices that match, for atoms whose devices a rule's SrcIPs list. */
  readonly devices: Set<number>;
}

export interface AtomBits {
  readonly netSrc: Bits;
  readonly netListed: Bits;
  readonly netDst: Bits;
  readonly self: Bits;
  readonly sshSrc: Bits;
  readonly sshDst: Bits;
  readonly attr: Bits;
}

/** A set of addresses that some rule names literally. */
export interface LiteralAtom extends Atom {
  readonly set: IpSet;
  /** As a destination, matches only gateways of this network; 0 for rules of the file. */
  readonly network: number;
}

/** Finds the literal atoms that a device matches without trying all of them. */
export interface LiteralIndex {
  add(atom: LiteralAtom): void;
  /** Atoms that hold one of the addresses. */
  holding(addresses: readonly { readonly addr: Addr; readonly text: string }[]): LiteralAtom[];
  /** Atoms that share an address with the route. */
  touching(route: RouteInfo): LiteralAtom[];
  readonly all: readonly LiteralAtom[];
}

export function createLiteralIndex(): LiteralIndex {
  const all: LiteralAtom[] = [];
  const singles = new Map<string, LiteralAtom[]>();
  const wide: LiteralAtom[] = [];
  return {
    all,
    add(atom) {
      all.push(atom);
      const only = singleAddress(atom.set);
      if (only !== undefined) {
        const list = singles.get(only);
        if (list === undefined) singles.set(only, [atom]);
        else list.push(atom);
      } else if (touchesDevices(atom.set)) wide.push(atom);
    },
    holding(addresses) {
      const out: LiteralAtom[] = [];
      for (const { text } of addresses) out.push(...(singles.get(text) ?? []));
      for (const atom of wide) if (addresses.some(({ addr }) => setContains(atom.set, addr))) out.push(atom);
      return out;
    },
    touching: (route) => all.filter((atom) => setOverlapsRange(atom.set, route.range)),
  };
}

function singleAddress(set: IpSet): string | undefined {
  const [first, second] = rangesOf(set);
  if (first === undefined || second !== undefined || first.from !== first.to) return undefined;
  return formatAddr(first.family === 4 ? { family: 4, value: first.from } : { family: 6, value: first.from });
}
