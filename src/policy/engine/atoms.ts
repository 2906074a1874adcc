import type { IpSet, Range } from '../../kernel/netip/index.ts';
import { createSpans, type Spans } from './spans.ts';

/**
 * An atom is the smallest thing that rules tell devices apart by: a user, a group, a tag, an autogroup, a set of literal
 * addresses. For each it is known which rules it is a source or destination of.
 */
export interface Atom {
  readonly id: number;
  readonly key: string;
  readonly rules: AtomRules;
  /** Devices that match, for atoms whose devices a rule's SrcIPs list. */
  readonly devices: Set<number>;
}

/** The rules of each kind in which an atom takes part, by slot. */
export interface AtomRules {
  readonly netSrc: number[];
  readonly netListed: number[];
  readonly netDst: number[];
  readonly self: number[];
  readonly sshSrc: number[];
  readonly sshDst: number[];
  readonly attr: number[];
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
  /** Atoms that share an address with the range. */
  touching(range: Range): ReadonlySet<LiteralAtom>;
  readonly all: readonly LiteralAtom[];
}

export function createLiteralIndex(): LiteralIndex {
  const all: LiteralAtom[] = [];
  let spans: Spans<LiteralAtom> | undefined;
  return {
    all,
    add(atom) {
      all.push(atom);
      spans = undefined;
    },
    touching(range) {
      spans ??= createSpans(all.map((atom) => [atom.set, atom]));
      return spans.touching(range);
    },
  };
}
