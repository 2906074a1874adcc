import type { IpSet } from '../../kernel/netip/index.ts';
import { setKey } from '../compile/selectors.ts';
import type {
  AttrUnitSpec,
  DstSpec,
  PostureSpec,
  SourceSpec,
  SshUnitSpec,
  UnitSpec,
} from '../compile/unit.ts';
import { localpartDomain } from '../validate/ssh.ts';
import { type Atom, createLiteralIndex, type LiteralAtom, type LiteralIndex } from './atoms.ts';
import { type Bits, dropSlot, noteSlot, setBit, wordsFor } from './bits.ts';
import type { SlotTable } from './slots.ts';

/** Atoms that are no principals. */
export const ANY_ATOM = '*';
export const INTERNET_ATOM = '@internet';
export const DANGER_ATOM = '!';
/** The internet behind an exit network's gateways. */
export const exitAtom = (network: number): string => `@exit:${network}`;
/** The resolver of a network's gateways. */
export const resolverAtom = (network: number): string => `@resolver:${network}`;

export interface Unit {
  readonly slot: number;
  /** Position in policy order. */
  readonly rank: number;
  readonly spec: UnitSpec;
}

export interface SshUnit {
  readonly slot: number;
  readonly rank: number;
  readonly spec: SshUnitSpec;
}

/** A list of posture conditions, and the rules that bind their sources or destinations to it. */
export interface PostureGate {
  readonly spec: PostureSpec;
  readonly netSrc: number[];
  readonly netDst: number[];
  readonly ssh: number[];
}

/** Compiled rules with their indexes: which atom takes part in which rule. Knows no devices. */
export interface Program {
  readonly words: { readonly net: number; readonly ssh: number; readonly attr: number };
  readonly units: ReadonlyMap<number, Unit>;
  readonly sshUnits: ReadonlyMap<number, SshUnit>;
  /** SSH rules between a person's own devices; `byLogin`: such a rule can name them all by their login. */
  readonly ownSsh: readonly { readonly slot: number; readonly byLogin: boolean }[];
  readonly attrUnits: readonly AttrUnitSpec[];
  readonly atoms: ReadonlyMap<string, Atom>;
  readonly literals: LiteralIndex;
  readonly gates: readonly PostureGate[];
  readonly viaUnits: readonly Unit[];
  /** Rules with conditions on literal sources: the addresses of devices that fail are cut out of those. */
  readonly gatedLiterals: readonly Unit[];
  /** Rules to autogroup:self, of either kind. */
  readonly hasSelf: boolean;
  /** Rules whose sources include `*` and so list routes. */
  readonly wild: Bits;
}

export interface ProgramInput {
  readonly units: readonly UnitSpec[];
  /** Where an edge comes among the edges, whose rules follow those of the file. */
  edgeRank(edge: number): number;
  readonly ssh: readonly SshUnitSpec[];
  readonly attrs: readonly AttrUnitSpec[];
  readonly netSlots: SlotTable;
  readonly sshSlots: SlotTable;
}

/** A program, and what changes single rules of it in place. */
export interface EditableProgram {
  readonly program: Program;
  /** Adds the rule of an edge. Told of every atom of it. */
  add(spec: UnitSpec, slot: number, touched: (atom: Atom) => void): void;
  remove(slot: number, touched: (atom: Atom) => void): void;
  /** Whether sets of bits have room for a slot. */
  holds(slot: number): boolean;
}

/** Ranks: rules of the file, then those of edges, then those of roles. */
const EDGES_FROM = 2 ** 40;
const ROLES_FROM = 2 ** 41;

/** Edges come and go while everything else stays: this many more find room before the bits have to be made anew. */
const SPARE_SLOTS = 1_024;

export function buildProgram(input: ProgramInput): EditableProgram {
  const netSlots = input.netSlots.assign(input.units.map((unit) => unit.key));
  const sshSlots = input.sshSlots.assign(input.ssh.map((unit) => unit.key));
  const hasNetworks = input.units.some(({ reach }) => reach.kind === 'network');
  const words = {
    net: wordsFor(input.netSlots.size + (hasNetworks ? SPARE_SLOTS : 0)),
    ssh: wordsFor(input.sshSlots.size),
    attr: wordsFor(input.attrs.length),
  };
  const atoms = new Map<string, Atom>();
  const literals = createLiteralIndex();
  const literalAtoms = new Map<string, LiteralAtom>();
  const gates = new Map<string, PostureGate>();
  const gateList: PostureGate[] = [];
  const wild = new Uint32Array(words.net);

  const blank = (key: string): Atom => ({
    id: atoms.size + literalAtoms.size,
    key,
    rules: { netSrc: [], netListed: [], netDst: [], self: [], sshSrc: [], sshDst: [], attr: [] },
    devices: new Set(),
  });
  const atom = (key: string): Atom => {
    const known = atoms.get(key);
    if (known !== undefined) return known;
    const fresh = blank(key);
    atoms.set(key, fresh);
    return fresh;
  };
  const literal = (set: IpSet, network: number): LiteralAtom => {
    const key = `${network}/${setKey(set)}`;
    const known = literalAtoms.get(key);
    if (known !== undefined) return known;
    const fresh: LiteralAtom = { ...blank(key), set, network };
    literalAtoms.set(key, fresh);
    literals.add(fresh);
    return fresh;
  };
  const gate = (spec: PostureSpec): PostureGate => {
    const known = gates.get(spec.key);
    if (known !== undefined) return known;
    const fresh: PostureGate = { spec, netSrc: [], netDst: [], ssh: [] };
    gates.set(spec.key, fresh);
    gateList.push(fresh);
    return fresh;
  };

  /** Calls back for every atom of a source; `listed` tells whether SrcIPs name its devices one by one. */
  const eachSource = (source: SourceSpec, visit: (atom: Atom, listed: boolean) => void): void => {
    const gated = source.posture !== undefined;
    if (source.any) visit(atom(ANY_ATOM), gated);
    if (source.danger) visit(atom(DANGER_ATOM), false);
    for (const key of source.atoms) visit(atom(key), true);
    for (const set of source.literals) visit(literal(set, 0), false);
  };
  const destination = (dst: DstSpec, network: number): Atom => {
    if (dst.kind === 'any') return atom(ANY_ATOM);
    if (dst.kind === 'internet') return atom(INTERNET_ATOM);
    if (dst.kind === 'resolver') return atom(resolverAtom(network));
    if (dst.kind === 'exit') return atom(exitAtom(network));
    return dst.kind === 'atom' ? atom(dst.atom) : literal(dst.set, network);
  };
  const eachDestination = ({ reach, targets, grants }: UnitSpec, visit: (atom: Atom) => void): void => {
    if (reach.kind !== 'anywhere' && reach.kind !== 'network') return;
    const network = reach.kind === 'network' ? reach.network : 0;
    for (const { dst } of [...targets, ...grants]) for (const one of dst) visit(destination(one, network));
  };

  const units = new Map<number, Unit>();
  const viaUnits: Unit[] = [];
  const gatedLiterals: Unit[] = [];
  let hasSelf = false;
  const addUnit = (unit: Unit): void => {
    const { slot, spec } = unit;
    units.set(slot, unit);
    const { reach, source } = spec;
    const isSelf = reach.kind === 'self';
    hasSelf ||= isSelf;
    if (source.any) setBit(wild, slot);
    eachSource(source, ({ rules }, listed) => {
      noteSlot(isSelf ? rules.self : rules.netSrc, slot);
      if (listed && !isSelf) noteSlot(rules.netListed, slot);
    });
    if (source.posture !== undefined) {
      noteSlot(gate(source.posture).netSrc, slot);
      if (source.literals.length > 0) gatedLiterals.push(unit);
    }
    if (spec.dstPosture !== undefined) noteSlot(gate(spec.dstPosture).netDst, slot);
    if (reach.kind === 'via') viaUnits.push(unit);
    eachDestination(spec, ({ rules }) => noteSlot(rules.netDst, slot));
  };
  const rankOf = ({ origin }: UnitSpec, position: number): number => {
    if (origin.kind === 'edge') return EDGES_FROM + input.edgeRank(origin.edge);
    return origin.kind === 'role' ? ROLES_FROM + position : position;
  };
  input.units.forEach((spec, position) => {
    addUnit({ slot: netSlots[position] ?? 0, rank: rankOf(spec, position), spec });
  });

  const sshUnits = new Map<number, SshUnit>();
  const ownSsh: { slot: number; byLogin: boolean }[] = [];
  input.ssh.forEach((spec, rank) => {
    const slot = sshSlots[rank] ?? 0;
    sshUnits.set(slot, { slot, rank, spec });
    const perUser = spec.users.some((user) => localpartDomain(user) !== undefined);
    if (spec.self || perUser) ownSsh.push({ slot, byLogin: !perUser });
    eachSource(spec.source, ({ rules }) => noteSlot(rules.sshSrc, slot));
    if (spec.source.posture !== undefined) noteSlot(gate(spec.source.posture).ssh, slot);
    for (const key of spec.atoms) noteSlot(atom(key).rules.sshDst, slot);
  });

  input.attrs.forEach((spec, index) => {
    eachSource(spec.source, ({ rules }) => noteSlot(rules.attr, index));
  });

  return {
    program: {
      words,
      units,
      sshUnits,
      ownSsh,
      attrUnits: input.attrs,
      atoms,
      literals,
      gates: gateList,
      viaUnits,
      gatedLiterals,
      hasSelf,
      wild,
    },
    holds: (slot) => wordsFor(slot + 1) <= words.net,
    add: (spec, slot, touched) => {
      addUnit({ slot, rank: rankOf(spec, 0), spec });
      eachSource(spec.source, touched);
      eachDestination(spec, touched);
    },
    remove: (slot, touched) => {
      const spec = units.get(slot)?.spec;
      if (spec === undefined) return;
      units.delete(slot);
      eachSource(spec.source, (one) => {
        dropSlot(one.rules.netSrc, slot);
        dropSlot(one.rules.netListed, slot);
        touched(one);
      });
      eachDestination(spec, (one) => {
        dropSlot(one.rules.netDst, slot);
        touched(one);
      });
      if (spec.source.posture !== undefined) dropSlot(gate(spec.source.posture).netSrc, slot);
    },
  };
}
