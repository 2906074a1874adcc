import { type IpSet, isEmptySet, setCovers, setsOverlap } from '../../kernel/netip/index.ts';
import type { ProtoPorts } from '../ast.ts';
import type { DstSpec, PostureSpec, Reach, SourceSpec } from '../compile/unit.ts';
import { type Condition, conditionHolds } from '../posture.ts';
import { INTERNET } from '../ranges.ts';
import type { Endpoint } from './endpoint.ts';

/** What the client takes for "any protocol": TCP, UDP and both ICMPs. */
export const DEFAULT_PROTOCOLS: readonly number[] = [6, 17, 1, 58];

/** One packet's question. `port` is ignored for protocols without ports. */
export interface Traffic {
  readonly protocol: number;
  readonly port: number;
}

/** Of the lists of conditions of which one must hold, the one of which a source fails least. */
export function closestConditions(posture: PostureSpec | undefined, source: Endpoint): readonly Condition[] {
  let closest: readonly Condition[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const all of posture?.anyOf ?? []) {
    const failed = all.filter((condition) => !conditionHolds(condition, source.attributes)).length;
    if (failed >= least) continue;
    closest = all;
    least = failed;
  }
  return closest;
}

/** Whether a source meets the conditions of a rule. An address that is no device's has no attributes to fail by. */
export function postureHolds({ posture, any, literals }: SourceSpec, source: Endpoint): boolean {
  if (posture === undefined) return true;
  if (source.device === undefined && !isEmptySet(source.addresses)) {
    return literals.some((set) => touches(set, source.addresses)) || (any && source.routed);
  }
  return posture.anyOf.some((all) => all.every((condition) => conditionHolds(condition, source.attributes)));
}

/** Whether a rule's source list names the endpoint, its conditions aside. */
export function namesSource(spec: SourceSpec, source: Endpoint): boolean {
  if (spec.danger || (spec.any && source.wild)) return true;
  if (spec.atoms.some((atom) => source.principals.has(atom))) return true;
  return spec.literals.some((set) => touches(set, source.addresses));
}

const touches = (set: IpSet, addresses: IpSet): boolean =>
  !isEmptySet(addresses) && setsOverlap(set, addresses);

/** Whether a destination of a rule is the endpoint. */
export function namesDestination(dst: DstSpec, reach: Reach, source: Endpoint, target: Endpoint): boolean {
  if (reach.kind === 'self') {
    return source.user !== undefined && source.user.id === target.user?.id;
  }
  switch (dst.kind) {
    case 'any':
      return target.wild || target.device === undefined;
    case 'atom':
      return target.principals.has(dst.atom);
    case 'internet':
    case 'exit':
      return !isEmptySet(target.addresses) && setCovers(INTERNET, target.addresses);
    case 'resolver':
      return false;
    case 'literal':
      return touches(dst.set, target.addresses);
  }
}

/** Whether one of the port lists lets the traffic pass. */
export function allows(allow: readonly ProtoPorts[], { protocol, port }: Traffic): boolean {
  return allow.some(({ protocols, ports }) => {
    if (!(protocols ?? DEFAULT_PROTOCOLS).includes(protocol)) return false;
    return ports.some(({ first, last }) => port >= first && port <= last);
  });
}
