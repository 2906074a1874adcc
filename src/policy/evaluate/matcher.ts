/**
 * Which rules lead from one endpoint to another, for many questions about one state of an engine. A policy may hold
 * thousands of tests of thousands of rules: so rules are found by what they name, what is found is kept for all endpoints
 * that the rules take for the same, and a port is looked up in the union of what those rules open.
 */
import { type Bits, hasBit, keepOnly, setBit } from '../engine/bits.ts';
import type { Core } from '../engine/core.ts';
import type { Unit } from '../engine/program.ts';
import { indexDestinations, type Opening } from './destinations.ts';
import type { Endpoint } from './endpoint.ts';
import type { Traffic } from './match.ts';
import { hasPort, type PortSet, unionOfPorts } from './port-sets.ts';
import { createSourceFinder } from './sources.ts';

/** Good until the engine changes. */
export interface Matcher {
  /** What leads from one endpoint to the other, conditions included. */
  between(source: Endpoint, target: Endpoint): Passage;
  /** One of each of the sources that the rules do not tell apart. */
  distinct(sources: readonly Endpoint[]): Endpoint[];
  /** How many rules, and words of rules, have been looked at so far. */
  looks(): number;
}

export interface Passage {
  readonly openings: readonly Opening[];
  /** Whether any of them lets the traffic pass. */
  passes(traffic: Traffic): boolean;
}

/** The rules that an endpoint is a source of. */
interface Standing {
  readonly id: number;
  readonly bits: Bits;
}

/** A matcher of all rules, or of those that matter. */
export function createMatcher(core: Core, matters: (unit: Unit) => boolean = () => true): Matcher {
  const program = core.program();
  const units = [...program.units.values()].filter(matters);
  const mask: Bits = new Uint32Array(program.words.net);
  for (const { slot } of units) setBit(mask, slot);
  const hasSelf = units.some(({ spec }) => spec.reach.kind === 'self');
  const destinations = indexDestinations(units);
  const rulesFrom = createSourceFinder(program, {
    words: program.words.net,
    rulesOf: ({ rules }) => [rules.netSrc, rules.self],
    rulesOfGate: (gate) => gate.netSrc,
    source: (slot) => program.units.get(slot)?.spec.source,
  });
  const standingOf = new WeakMap<Endpoint, Standing>();
  const standings = new Map<string, Standing>();
  const passages = new Map<string, Passage>();
  let looks = 0;

  function standing(source: Endpoint): Standing {
    let known = standingOf.get(source);
    if (known === undefined) {
      const bits = rulesFrom(source).slice();
      keepOnly(bits, mask);
      looks += bits.length;
      const key = `${hasSelf ? (source.user?.id ?? '') : ''}/${bits.join()}`;
      known = standings.get(key) ?? { id: standings.size, bits };
      standings.set(key, known);
      standingOf.set(source, known);
    }
    return known;
  }

  function passageOf(openings: readonly Opening[]): Passage {
    let ports: PortSet | undefined;
    return {
      openings,
      passes(traffic) {
        if (ports === undefined) {
          const sets = openings.map((opening) => opening.ports());
          for (const set of sets) for (const ranges of set.values()) looks += ranges.length;
          ports = unionOfPorts(sets);
        }
        return hasPort(ports, traffic);
      },
    };
  }

  return {
    between(source, target) {
      const from = standing(source);
      const own = source.user !== undefined && source.user.id === target.user?.id;
      const key = `${from.id}/${own ? 'own' : ''}/${destinations.place(target)}`;
      let passage = passages.get(key);
      if (passage === undefined) {
        const all = destinations.of(target, own);
        looks += all.length;
        passage = passageOf(all.filter(({ unit }) => hasBit(from.bits, unit.slot)));
        passages.set(key, passage);
      }
      return passage;
    },
    distinct(sources) {
      const byStanding = new Map(sources.map((source) => [standing(source), source]));
      return [...byStanding.values()];
    },
    looks: () => looks,
  };
}
