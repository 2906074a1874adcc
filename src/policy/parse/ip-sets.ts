import type { Node } from '../../kernel/hujson/index.ts';
import {
  type IpSet,
  type IpSetStep,
  parseAddr,
  parseAddrOrPrefix,
  rangeOfPrefix,
  setOfPrefix,
  setOfRanges,
  setOfSteps,
} from '../../kernel/netip/index.ts';
import type { HostDef, IpSetDef, IpSetTerm } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { INTERNET } from '../ranges.ts';
import type { Places } from './places.ts';
import type { Reader } from './reader.ts';

/** IP sets may build on each other this deep. */
const MAX_NESTING = 100;

/** IP sets may hold so many ranges together: each that builds on a large one holds its ranges again. */
const MAX_RANGES = 100_000;

/** How many ranges the steps of all of them may bring together, those of the sets that they name included. */
const MAX_WORK = 500_000;

const quote = (text: string): string => JSON.stringify(text);

export function parseIpSets(read: Reader, section: Node | undefined): Map<string, IpSetDef> {
  const out = new Map<string, IpSetDef>();
  for (const { name, key, value, line } of read.entries(section, 'ipsets')) {
    const where = `ipsets[${quote(name)}]`;
    if (!name.startsWith('ipset:')) {
      throw new PolicyError(`${where}: IP set names must start with "ipset:"`, read.place(key));
    }
    const steps = read.list(value, where, (text) => {
      const step = parseStep(text.trim());
      if (step === undefined) throw new PolicyError(`${where}: ${quote(text)}: invalid address`);
      return step;
    });
    out.set(name, { steps, line });
  }
  return out;
}

/** `add T`, `remove T`, or `T` for short. */
function parseStep(text: string): IpSetDef['steps'][number] | undefined {
  const space = text.search(/\s/);
  const word = space < 0 ? '' : text.slice(0, space);
  const named = word === 'add' || word === 'remove';
  const term = parseTerm(named ? text.slice(space).trim() : text);
  return term && { add: word !== 'remove', term };
}

function parseTerm(text: string): IpSetTerm | undefined {
  if (text === 'autogroup:internet') return { kind: 'internet' };
  if (text.startsWith('ipset:')) return { kind: 'ipset', name: text };
  if (text.startsWith('host:')) return { kind: 'host', name: text.slice('host:'.length) };
  const prefix = parseAddrOrPrefix(text);
  if (prefix !== undefined) return { kind: 'range', range: rangeOfPrefix(prefix) };
  const dash = text.indexOf('-');
  if (dash < 0) return undefined;
  const from = parseAddr(text.slice(0, dash).trim());
  const to = parseAddr(text.slice(dash + 1).trim());
  if (from?.family === 4 && to?.family === 4 && from.value <= to.value) {
    return { kind: 'range', range: { family: 4, from: from.value, to: to.value } };
  }
  if (from?.family === 6 && to?.family === 6 && from.value <= to.value) {
    return { kind: 'range', range: { family: 6, from: from.value, to: to.value } };
  }
  return undefined;
}

/** The addresses of each IP set, each computed once. Refuses unknown names, circles and deep nesting. */
export function resolveIpSets(
  defs: ReadonlyMap<string, IpSetDef>,
  hosts: ReadonlyMap<string, HostDef>,
  places: Places,
): ReadonlyMap<string, IpSet> {
  const done = new Map<string, IpSet>();
  const open = new Set<string>();
  let ranges = 0;
  let work = 0;

  function resolve(name: string, def: IpSetDef): IpSet {
    const known = done.get(name);
    if (known !== undefined) return known;
    const refuse = (problem: string, culprit?: IpSetTerm): never => {
      const step = def.steps.findIndex(({ term }) => term === culprit);
      const place = step < 0 ? places.key('ipsets', name) : places.value('ipsets', name, step);
      throw new PolicyError(`ipsets[${quote(name)}]: ${problem}`, place);
    };
    if (open.has(name)) refuse('IP sets cannot contain each other');
    if (open.size >= MAX_NESTING) refuse(`IP sets nested deeper than ${MAX_NESTING} levels`);
    open.add(name);
    const termSet = (term: IpSetTerm): IpSet => {
      switch (term.kind) {
        case 'internet':
          return INTERNET;
        case 'range':
          return setOfRanges([term.range]);
        case 'host': {
          const host = hosts.get(term.name);
          return host === undefined
            ? refuse(`${quote(term.name)}: invalid address`, term)
            : setOfPrefix(host.prefix);
        }
        case 'ipset': {
          const other = defs.get(term.name);
          return other === undefined
            ? refuse(`ipset not found: ${quote(term.name)}`, term)
            : resolve(term.name, other);
        }
      }
    };
    const steps: IpSetStep[] = [];
    for (const { add, term } of lastSteps(def.steps)) {
      const of = termSet(term);
      work += 1 + (of.v4.length + of.v6.length) / 2;
      if (work > MAX_WORK) refuse(`the steps of IP sets hold more than ${MAX_WORK} ranges together`);
      steps.push({ add, set: of });
    }
    const set = setOfSteps(steps);
    ranges += (set.v4.length + set.v6.length) / 2;
    if (ranges > MAX_RANGES) refuse(`IP sets hold more than ${MAX_RANGES} ranges together`);
    open.delete(name);
    done.set(name, set);
    return set;
  }

  for (const [name, def] of defs) resolve(name, def);
  return done;
}

/** The steps without those that a later one with the same IP set overrides, whatever it does. */
function lastSteps(steps: IpSetDef['steps']): IpSetDef['steps'] {
  const last = new Map<string, number>();
  steps.forEach(({ term }, at) => {
    if (term.kind === 'ipset') last.set(term.name, at);
  });
  return steps.filter(({ term }, at) => term.kind !== 'ipset' || last.get(term.name) === at);
}
