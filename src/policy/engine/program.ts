import type { IpSet } from '../../kernel/netip/index.ts';
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
import { type Bits, setBit, wordsFor } from './bits.ts';
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
  readonly netSrc: Bits;
  readonly netDst: Bits;
  readonly ssh: Bits;
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
  readonly ssh: readonly SshUnitSpec[];
  readonly attrs: readonly AttrUnitSpec[];
  readonly netSlots: SlotTable;
  readonly sshSlots: SlotTable;
}

export function buildProgram(input: ProgramInput): Program {
  const netSlots = input.netSlots.assign(input.units.map((unit) => unit.key));
  const sshSlots = input.sshSlots.assign(input.ssh.map((unit) => unit.key));
  const words = {
    net: wordsFor(input.netSlots.size),
    ssh: wordsFor(input.sshSlots.size),
    attr: wordsFor(input.attrs.length),
  };
  const atoms = new Map<string, Atom>();
  const literals = createLiteralIndex();
  const literalAtoms = new Map<string, LiteralAtom>();
  const gates = new Map<string, PostureGate>();
  const wild = new Uint32Array(words.net);

  const blank = (key: string): Atom => ({
    id: atoms.size + literalAtoms.size,
    key,
    bits: {
      netSrc: new Uint32Array(words.net),
      netListed: new Uint32Array(words.net),
      netDst: new Uint32Array(words.net),
      self: new Uint32Array(words.net),
      sshSrc: new Uint32Array(words.ssh),
      sshDst: new Uint32Array(words.ssh),
      attr: new Uint32Array(words.attr),
    },
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
    const key = `${network}/${set.v4.join()};${set.v6.join()}`;
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
    const fresh = {
      spec,
      netSrc: new Uint32Array(words.net),
      netDst: new Uint32Array(words.net),
      ssh: new Uint32Array(words.ssh),
    };
    gates.set(spec.key, fresh);
    return fresh;
  };

  /** Calls back for every atom of a source; `listed` tells whether SrcIPs name its devices one by one. */
  const eachSource = (source: SourceSpec, visit: (atom: Atom, listed: boolean) => void): void => {
    const gated = source.posture !== undefined;
    if (source.any) visit(atom(ANY_ATOM), gated);
    if (source.danger) visit(atom(DANGER_ATOM), false);
    for (const key of source.atoms) visit(atom(key), true);
    if (source.literals.v4.length + source.literals.v6.length > 0) visit(literal(source.literals, 0), false);
  };
  const destination = (dst: DstSpec, network: number): Atom => {
    if (dst.kind === 'any') return atom(ANY_ATOM);
    if (dst.kind === 'internet') return atom(INTERNET_ATOM);
    if (dst.kind === 'resolver') return atom(resolverAtom(network));
    if (dst.kind === 'exit') return atom(exitAtom(network));
    return dst.kind === 'atom' ? atom(dst.atom) : literal(dst.set, network);
  };

  const units = new Map<number, Unit>();
  const viaUnits: Unit[] = [];
  const gatedLiterals: Unit[] = [];
  let hasSelf = false;
  input.units.forEach((spec, rank) => {
    const slot = netSlots[rank] ?? 0;
    const unit = { slot, rank, spec };
    units.set(slot, unit);
    const { reach, source } = spec;
    const isSelf = reach.kind === 'self';
    hasSelf ||= isSelf;
    if (source.any) setBit(wild, slot);
    eachSource(source, ({ bits }, listed) => {
      setBit(isSelf ? bits.self : bits.netSrc, slot);
      if (listed && !isSelf) setBit(bits.netListed, slot);
    });
    if (source.posture !== undefined) {
      setBit(gate(source.posture).netSrc, slot);
      if (source.spelled.length > 0) gatedLiterals.push(unit);
    }
    if (spec.dstPosture !== undefined) setBit(gate(spec.dstPosture).netDst, slot);
    if (reach.kind === 'via') viaUnits.push(unit);
    if (reach.kind !== 'anywhere' && reach.kind !== 'network') return;
    const network = reach.kind === 'network' ? reach.network : 0;
    const all = [
      ...spec.targets.flatMap((target) => target.dst),
      ...spec.grants.flatMap((grant) => grant.dst),
    ];
    for (const dst of all) setBit(destination(dst, network).bits.netDst, slot);
  });

  const sshUnits = new Map<number, SshUnit>();
  const ownSsh: { slot: number; byLogin: boolean }[] = [];
  input.ssh.forEach((spec, rank) => {
    const slot = sshSlots[rank] ?? 0;
    sshUnits.set(slot, { slot, rank, spec });
    const perUser = spec.users.some((user) => localpartDomain(user) !== undefined);
    if (spec.self || perUser) ownSsh.push({ slot, byLogin: !perUser });
    eachSource(spec.source, ({ bits }) => setBit(bits.sshSrc, slot));
    if (spec.source.posture !== undefined) setBit(gate(spec.source.posture).ssh, slot);
    for (const key of spec.atoms) setBit(atom(key).bits.sshDst, slot);
  });

  input.attrs.forEach((spec, index) => {
    eachSource(spec.source, ({ bits }) => setBit(bits.attr, index));
  });

  return {
    words,
    units,
    sshUnits,
    ownSsh,
    attrUnits: input.attrs,
    atoms,
    literals,
    gates: [...gates.values()],
    viaUnits,
    gatedLiterals,
    hasSelf,
    wild,
  };
}
