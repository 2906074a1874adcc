import { sha256Hex } from '../../kernel/hash.ts';
import {
  EMPTY_SET,
  FULL_SET,
  formatRange,
  type IpSet,
  isEmptySet,
  rangesOf,
  setOfPrefix,
} from '../../kernel/netip/index.ts';
import type { Policy, Selector } from '../ast.ts';
import type { DstSpec, Piece, PostureSpec, SourceSpec } from './unit.ts';

/** What the meaning of a selector needs beyond the file. */
export interface Names {
  readonly policy: Policy;
  /** Addresses of a service, by `svc:` name. */
  service(name: string): IpSet;
}

const DANGER_ALL = 'autogroup:danger-all';

/** The addresses of a literal selector (host, prefix, IP set, service); undefined for one that names devices. */
export function literalSet(names: Names, selector: Selector): IpSet | undefined {
  switch (selector.kind) {
    case 'prefix':
      return setOfPrefix(selector.prefix);
    case 'host': {
      const host = names.policy.hosts.get(selector.name);
      return host === undefined ? EMPTY_SET : setOfPrefix(host.prefix);
    }
    case 'ipset':
      return names.policy.ipsetAddresses.get(selector.name) ?? EMPTY_SET;
    case 'service':
      return names.service(selector.name);
    default:
      return undefined;
  }
}

/** The atom of a selector that names principals. */
export function atomOf(selector: Selector): string | undefined {
  switch (selector.kind) {
    case 'user':
      return `user:${selector.login}`;
    case 'users-of-domain':
      return `domain:${selector.domain.toLowerCase()}`;
    case 'group':
    case 'tag':
    case 'autogroup':
      return selector.name;
    default:
      return undefined;
  }
}

/** How a set is spelled. Many rules may name one large IP set, so each set is spelled once. */
interface Spelling {
  readonly key: string;
  readonly texts: readonly string[];
  readonly pieces: readonly Piece[];
}
const spellings = new WeakMap<IpSet, Spelling>();

/** Equal for equal sets. */
export const setKey = (set: IpSet): string => spellingOf(set).key;

function spellingOf(set: IpSet): Spelling {
  const known = spellings.get(set);
  if (known !== undefined) return known;
  const pieces = [...rangesOf(set)].map((range) => ({ range, text: formatRange(range) }));
  const texts = pieces.map(({ text }) => text);
  const made = { key: shortened(texts.join('+')), texts, pieces };
  spellings.set(set, made);
  return made;
}

/** Keys that hold thousands of addresses are kept as their digest, as every rule has some. */
const LONG_KEY = 256;
const shortened = (key: string): string => (key.length > LONG_KEY ? `#${sha256Hex(key)}` : key);

/** The sources of a rule. */
export function sourceSpec(
  names: Names,
  selectors: readonly Selector[],
  posture: PostureSpec | undefined,
): SourceSpec {
  const atoms = new Set<string>();
  const literals = new Set<IpSet>();
  let any = false;
  let danger = false;
  for (const selector of selectors) {
    if (selector.kind === 'any') any = true;
    else if (selector.kind === 'autogroup' && selector.name === DANGER_ALL) danger = true;
    else {
      const atom = atomOf(selector);
      if (atom !== undefined) atoms.add(atom);
      else literals.add(literalSet(names, selector) ?? EMPTY_SET);
    }
  }
  // Conditions cut failing devices out of a list, so "everything" has to be one too.
  if (danger && posture !== undefined) literals.add(FULL_SET);
  return makeSource({
    any,
    danger,
    atoms: [...atoms].sort(),
    literals: [...literals].filter((set) => !isEmptySet(set)),
    posture,
  });
}

/** The literals of a source as rules spell them, one by one. Made when asked for: many rules may name large IP sets. */
export function spelledLiterals({ literals }: SourceSpec): readonly string[] {
  const [only] = literals;
  if (only !== undefined && literals.length === 1) return spellingOf(only).texts;
  return [...new Set(literals.flatMap((set) => spellingOf(set).texts))];
}

export function makeSource(parts: Omit<SourceSpec, 'key'>): SourceSpec {
  const { any, danger, atoms, literals, posture } = parts;
  const sets = shortened([...new Set(literals.map(setKey))].join(' '));
  const key = `${any ? '*' : ''}${danger ? '!' : ''}|${atoms.join(' ')}|${sets}|${posture?.key ?? ''}`;
  return { ...parts, key };
}

/** One destination; autogroup:self is the caller's business. */
export function dstSpec(names: Names, selector: Selector): DstSpec {
  if (selector.kind === 'any') return { kind: 'any' };
  if (selector.kind === 'autogroup' && selector.name === 'autogroup:internet') return { kind: 'internet' };
  const atom = atomOf(selector);
  if (atom !== undefined) return { kind: 'atom', atom };
  return literalDst(literalSet(names, selector) ?? EMPTY_SET);
}

export const literalDst = (set: IpSet): DstSpec => ({
  kind: 'literal',
  set,
  pieces: spellingOf(set).pieces,
});

export function dstKey(dst: DstSpec): string {
  switch (dst.kind) {
    case 'any':
      return '*';
    case 'internet':
      return '@';
    case 'resolver':
      return '?';
    case 'exit':
      return '!';
    case 'atom':
      return dst.atom;
    case 'literal':
      return spellingOf(dst.set).key;
  }
}

/** The sources of a rule seen as destinations, for companion capabilities. */
export function sourceAsDst(source: SourceSpec): DstSpec[] {
  const out: DstSpec[] = source.atoms.map((atom) => ({ kind: 'atom', atom }));
  if (source.any || source.danger) out.push({ kind: 'any' });
  // One by one: what a set is to a device behind which the internet is does not depend on what else the rule names.
  out.push(...source.literals.map(literalDst));
  return out;
}
