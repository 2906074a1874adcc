import type { Node } from '../../kernel/hujson/index.ts';
import {
  EMPTY_SET,
  type IpSet,
  parseAddr,
  parseAddrOrPrefix,
  rangeOfPrefix,
  setOfPrefix,
  setOfRanges,
  subtractSets,
  unionSets,
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

/** How many ends of ranges may be gone through for all of them: each change between adding and removing takes a pass. */
const MAX_WORK = 20_000_000;

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
    let set = EMPTY_SET;
    for (const { add, terms } of runsOf(def.steps)) {
      const other = unionSets([...terms].map(termSet));
      set = add ? unionSets([set, other]) : subtractSets(set, other);
      work += set.v4.length + set.v6.length;
      if (work > MAX_WORK) refuse('IP sets change between adding and removing too often');
    }
    ranges += (set.v4.length + set.v6.length) / 2;
    if (ranges > MAX_RANGES) refuse(`IP sets hold more than ${MAX_RANGES} ranges together`);
    open.delete(name);
    done.set(name, set);
    return set;
  }

  for (const [name, def] of defs) resolve(name, def);
  return done;
}

/** Steps of one direction that follow each other are one step, with each of its terms once. */
function runsOf(steps: IpSetDef['steps']): { readonly add: boolean; readonly terms: Iterable<IpSetTerm> }[] {
  const runs: { readonly add: boolean; readonly terms: Map<unknown, IpSetTerm> }[] = [];
  for (const { add, term } of steps) {
    let run = runs.at(-1);
    if (run?.add !== add) {
      run = { add, terms: new Map() };
      runs.push(run);
    }
    run.terms.set(term.kind === 'ipset' ? term.name : term, term);
  }
  return runs.map(({ add, terms }) => ({ add, terms: terms.values() }));
}
