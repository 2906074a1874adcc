import { isEmptySet, rangesOf } from '../../kernel/netip/index.ts';
import type { SourceSpec } from '../compile/unit.ts';
import type { Atom } from '../engine/atoms.ts';
import { type Bits, clearBit, hasBit, removeFrom, type Slots, setSlots } from '../engine/bits.ts';
import { ANY_ATOM, DANGER_ATOM, type PostureGate, type Program } from '../engine/program.ts';
import { type Attributes, conditionHolds } from '../posture.ts';
import type { Endpoint } from './endpoint.ts';
import { postureHolds } from './match.ts';

/** The rules of one kind, as a program indexes them. */
export interface RuleKind {
  readonly words: number;
  /** The rules that have an atom as a source. */
  rulesOf(atom: Atom): readonly Slots[];
  rulesOfGate(gate: PostureGate): Slots;
  source(slot: number): SourceSpec | undefined;
}

/** Finds the rules that an endpoint is a source of, conditions included. */
export function createSourceFinder(program: Program, kind: RuleKind): (source: Endpoint) => Bits {
  const gates = program.gates.map((gate) => ({ spec: gate.spec, slots: kind.rulesOfGate(gate) }));
  /** Before conditions: endpoints may differ in attributes alone. */
  const ofPrincipals = new WeakMap<ReadonlySet<string>, Bits>();
  const failedWith = new WeakMap<Attributes, Bits>();

  function named(source: Endpoint): Bits {
    const bits: Bits = new Uint32Array(kind.words);
    const add = (atom: Atom | undefined): void => {
      if (atom !== undefined) for (const own of kind.rulesOf(atom)) setSlots(bits, own);
    };
    add(program.atoms.get(DANGER_ATOM));
    if (source.wild) add(program.atoms.get(ANY_ATOM));
    for (const principal of source.principals) add(program.atoms.get(principal));
    for (const range of rangesOf(source.addresses)) program.literals.touching(range).forEach(add);
    return bits;
  }

  /** Rules whose conditions a device with these attributes fails. */
  function failedBy(attributes: Attributes): Bits {
    let failed = failedWith.get(attributes);
    if (failed === undefined) {
      failed = new Uint32Array(kind.words);
      for (const { spec, slots } of gates) {
        const holds = spec.anyOf.some((all) => all.every((one) => conditionHolds(one, attributes)));
        if (!holds) setSlots(failed, slots);
      }
      failedWith.set(attributes, failed);
    }
    return failed;
  }

  return (source) => {
    const isAddress = !isEmptySet(source.addresses);
    let all = isAddress ? undefined : ofPrincipals.get(source.principals);
    if (all === undefined) {
      all = named(source);
      if (!isAddress) ofPrincipals.set(source.principals, all);
    }
    if (gates.length === 0) return all;
    const bits = all.slice();
    if (!isAddress || source.device !== undefined) {
      removeFrom(bits, failedBy(source.attributes));
      return bits;
    }
    // Whether conditions are asked of an address depends on how a rule names it.
    for (const { slots } of gates) {
      for (const slot of slots) {
        const spec = hasBit(bits, slot) ? kind.source(slot) : undefined;
        if (spec !== undefined && !postureHolds(spec, source)) clearBit(bits, slot);
      }
    }
    return bits;
  };
}
