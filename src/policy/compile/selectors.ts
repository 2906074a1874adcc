import {
  EMPTY_SET,
  FULL_SET,
  formatRange,
  formatSet,
  type IpSet,
  rangesOf,
  setOfPrefix,
  unionSets,
} from '../../kernel/netip/index.ts';
import type { Policy, Selector } from '../ast.ts';
import type { DstSpec, PostureSpec, SourceSpec } from './unit.ts';

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
      return `domain:${selector.domain}`;
    case 'group':
    case 'tag':
    case 'autogroup':
      return selector.name;
    default:
      return undefined;
  }
}

const setKey = (set: IpSet): string => `${set.v4.join(',')};${set.v6.join(',')}`;

/** The sources of a rule. */
export function sourceSpec(
  names: Names,
  selectors: readonly Selector[],
  posture: PostureSpec | undefined,
): SourceSpec {
  const atoms = new Set<string>();
  const literals: IpSet[] = [];
  let any = false;
  let danger = false;
  for (const selector of selectors) {
    if (selector.kind === 'any') any = true;
    else if (selector.kind === 'autogroup' && selector.name === DANGER_ALL) danger = true;
    else {
      const atom = atomOf(selector);
      if (atom !== undefined) atoms.add(atom);
      else literals.push(literalSet(names, selector) ?? EMPTY_SET);
    }
  }
  if (danger && posture !== undefined) {
    // Conditions cut failing devices out of a list, so "everything" has to be one.
    literals.push(FULL_SET);
    danger = false;
  }
  const spelled = [...new Set(literals.flatMap(formatSet))];
  return makeSource({
    any,
    danger,
    atoms: [...atoms].sort(),
    literals: unionSets(literals),
    spelled,
    posture,
  });
}

export function makeSource(parts: Omit<SourceSpec, 'key'>): SourceSpec {
  const { any, danger, atoms, literals, spelled, posture } = parts;
  const key = `${any ? '*' : ''}${danger ? '!' : ''}|${atoms.join(' ')}|${setKey(literals)}|${spelled.join(' ')}|${posture?.key ?? ''}`;
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
  pieces: [...rangesOf(set)].map((range) => ({ range, text: formatRange(range) })),
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
      return dst.pieces.map((piece) => piece.text).join('+');
  }
}

/** The sources of a rule seen as destinations, for companion capabilities. */
export function sourceAsDst(source: SourceSpec): DstSpec[] {
  const out: DstSpec[] = source.atoms.map((atom) => ({ kind: 'atom', atom }));
  if (source.any || source.danger) out.push({ kind: 'any' });
  if (source.literals.v4.length + source.literals.v6.length > 0) out.push(literalDst(source.literals));
  return out;
}
