/**
 * Accesses that time has ended: what they would let pass if they were still in force. The policy engine, which knows no time,
 * is asked about a world in which they are.
 */
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { parseAddr, parseAddrOrPrefix, prefixContains } from '../kernel/netip/index.ts';
import { type Explanation, explain, type Question, type RuleReport } from '../policy/index.ts';
import type { AccessHistory } from './access-history.ts';
import { type EdgeFacts, plainEdgeInput } from './network-inputs.ts';
import { resolvedAddresses } from './network-serving.ts';
import type { OrganizationPolicy } from './organization-policy.ts';
import { withUnresolved } from './unresolved-access.ts';

export interface EndedAccess {
  readonly edge: EdgeFacts & { readonly expiresAt: number };
  /** As a rule that is in force, with what else it lacks. */
  readonly report: RuleReport;
}

/** Of one question; of more than this the newest. */
const MAX_ENDED = 50;
/** Of one verdict. */
const MAX_TOLD = 3;

/** For each verdict of an answer, in its order, what would have let it pass, or nearly. */
export function endedAccess(
  { snapshot, policy }: OrganizationPolicy,
  history: AccessHistory,
  question: Question,
  answer: Explanation,
): readonly (readonly EndedAccess[])[] {
  const edges = new Map(endedEdges(snapshot, history, question, answer).map((edge) => [edge.id, edge]));
  if (edges.size === 0) return [];
  const revived = policy.engine.fork(
    [...edges.values()].map((edge) => {
      const resource = snapshot.table('resource').get(String(edge.resource));
      return { kind: 'edge', edge: plainEdgeInput(snapshot, edge, resource?.securityPolicy ?? null) };
    }),
  );
  return withUnresolved(revived, question, explain(revived, question)).verdicts.map(({ by, closest }) =>
    [...by, ...closest]
      .flatMap((report) => {
        const edge = report.origin.kind === 'edge' ? edges.get(report.origin.edge) : undefined;
        return edge === undefined || isElsewhere(report) ? [] : [{ edge, report }];
      })
      .slice(0, MAX_TOLD),
  );
}

/** Of others, or to something else: no access that anybody misses. */
const isElsewhere = ({ lacks }: RuleReport): boolean =>
  lacks.includes('source') || lacks.includes('destination');

function endedEdges(
  snapshot: Snapshot,
  { now, expired }: AccessHistory,
  { target }: Question,
  answer: Explanation,
): EndedAccess['edge'][] {
  const asked = answer.target.addresses.map(parseAddr).filter((addr) => addr !== undefined);
  const isAsked = (id: number): boolean => {
    const resource = snapshot.table('resource').get(String(id));
    if (resource === undefined) return false;
    if (target.kind === 'resource') return target.id === id;
    return [resource.addressText, ...resolvedAddresses(snapshot, resource)].some((text) => {
      const prefix = parseAddrOrPrefix(text);
      return prefix !== undefined && asked.some((addr) => prefixContains(prefix, addr));
    });
  };
  const present = [...snapshot.table('accessEdge').values()];
  const key = ({ resource, principalKind, principal }: EdgeFacts): string =>
    `${resource}/${principalKind}/${principal}`;
  // One that was given again is in force, or has ended again.
  const found = new Set(present.map(key));
  const cleared = expired.filter((edge) => {
    const isNew = !found.has(key(edge));
    found.add(key(edge));
    return isNew;
  });
  return [...present, ...cleared]
    .flatMap((edge) =>
      edge.expiresAt !== null && edge.expiresAt <= now && isAsked(edge.resource)
        ? [{ ...edge, expiresAt: edge.expiresAt }]
        : [],
    )
    .sort((a, b) => b.expiresAt - a.expiresAt)
    .slice(0, MAX_ENDED);
}
