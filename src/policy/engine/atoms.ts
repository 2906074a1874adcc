import { type Addr, formatAddr, type IpSet, rangesOf, setContains } from '../../kernel/netip/index.ts';
import { touchesDevices } from '../ranges.ts';
import { type Bits, setBit } from './bits.ts';
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

/** Most atoms take part in rules in one way only: a set has no words before something is in it. */
export interface AtomBits {
  netSrc: Bits;
  netListed: Bits;
  netDst: Bits;
  self: Bits;
  sshSrc: Bits;
  sshDst: Bits;
  attr: Bits;
}

/** Adds a rule to one of an atom's sets, which have so many words. */
export function markAtom(bits: AtomBits, set: keyof AtomBits, slot: number, words: number): void {
  if (bits[set].length === 0) bits[set] = new Uint32Array(words);
  setBit(bits[set], slot);
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
  let spans: { readonly v4: Spans<number>; readonly v6: Spans<bigint> } | undefined;
  return {
    all,
    add(atom) {
      all.push(atom);
      spans = undefined;
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
    touching: ({ range }) => {
      spans ??= { v4: spansOf(all, 4), v6: spansOf(all, 6) };
      return range.family === 4
        ? touchingSpans(spans.v4, range.from, range.to)
        : touchingSpans(spans.v6, range.from, range.to);
    },
  };
}

/** A number or a bigint; spelled loosely because TypeScript widens a union bound when it narrows. */
type Ordered = NonNullable<unknown>;

/** The ranges of atoms by where they begin. `reach`: the furthest that any of the ranges up to here goes. */
interface Spans<T> {
  readonly from: readonly T[];
  readonly to: readonly T[];
  readonly reach: readonly T[];
  readonly atoms: readonly LiteralAtom[];
}

function spansOf(atoms: readonly LiteralAtom[], family: 4): Spans<number>;
function spansOf(atoms: readonly LiteralAtom[], family: 6): Spans<bigint>;
function spansOf(atoms: readonly LiteralAtom[], family: 4 | 6): Spans<number> | Spans<bigint> {
  return family === 4 ? sortedSpans(atoms, ({ v4 }) => v4) : sortedSpans(atoms, ({ v6 }) => v6);
}

function sortedSpans<T extends Ordered>(
  atoms: readonly LiteralAtom[],
  flatOf: (set: IpSet) => readonly T[],
): Spans<T> {
  const spans: { from: T; to: T; atom: LiteralAtom }[] = [];
  for (const atom of atoms) {
    const flat = flatOf(atom.set);
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [from, to] = [flat[i], flat[i + 1]];
      if (from !== undefined && to !== undefined) spans.push({ from, to, atom });
    }
  }
  spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const reach: T[] = [];
  let furthest: T | undefined;
  for (const { to } of spans) {
    if (furthest === undefined || to > furthest) furthest = to;
    reach.push(furthest);
  }
  return {
    from: spans.map(({ from }) => from),
    to: spans.map(({ to }) => to),
    reach,
    atoms: spans.map(({ atom }) => atom),
  };
}

function touchingSpans<T extends Ordered>(spans: Spans<T>, from: T, to: T): LiteralAtom[] {
  let low = 0;
  let high = spans.from.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const begin = spans.from[middle];
    if (begin !== undefined && begin <= to) low = middle + 1;
    else high = middle;
  }
  const found = new Set<LiteralAtom>();
  for (let i = low - 1; i >= 0; i -= 1) {
    const [end, reach, atom] = [spans.to[i], spans.reach[i], spans.atoms[i]];
    if (end === undefined || reach === undefined || atom === undefined || reach < from) break;
    if (end >= from) found.add(atom);
  }
  return [...found];
}

function singleAddress(set: IpSet): string | undefined {
  const [first, second] = rangesOf(set);
  if (first === undefined || second !== undefined || first.from !== first.to) return undefined;
  return formatAddr(first.family === 4 ? { family: 4, value: first.from } : { family: 6, value: first.from });
}
