/**
 * Who may use a name of which no gateway knows an address yet. The policy is of addresses: it is asked about a world in which
 * the name has one.
 */
import {
  type Change,
  type Explanation,
  explain,
  NOT_RESOLVED,
  type PolicyEngine,
  type Question,
  type RuleReport,
  type Verdict,
} from '../policy/index.ts';

/** For documentation alone, and nobody's. */
const STAND_IN = '2001:db8:ffff:ffff:ffff:ffff:ffff:fffe';

/** The answer with a verdict for each source, none of which passes; unchanged for any other question. */
export function withUnresolved(engine: PolicyEngine, question: Question, answer: Explanation): Explanation {
  const { target } = question;
  if (answer.target.problem?.text !== NOT_RESOLVED || target.kind !== 'resource') return answer;
  const { world, devices } = engine.core;
  const resource = world.resources.get(target.id);
  if (resource === undefined) return answer;
  const { network } = resource;
  const carrier = [...world.gateways.values()].find(
    (gateway) => gateway.network === network && devices.get(gateway.device ?? 0)?.active === true,
  )?.device;
  const changes: Change[] = [
    { kind: 'resource', resource: { ...resource, resolved: [STAND_IN] } },
    { kind: 'primary', primary: { network, prefix: `${STAND_IN}/128`, device: carrier } },
  ];
  const { source, verdicts } = explain(engine.fork(changes), question);
  const isOfIt = ({ origin }: RuleReport): boolean =>
    (origin.kind === 'edge' || origin.kind === 'role') && origin.resource === target.id;
  const reports = (rules: readonly RuleReport[]): RuleReport[] =>
    rules.filter(isOfIt).map((rule) => ({ ...rule, destination: resource.address }));
  return {
    ...answer,
    source,
    verdicts: verdicts.map(
      (verdict): Verdict => ({
        ...verdict,
        ...{ target: target.text, allowed: false, path: undefined, more: 0 },
        ...{ by: reports(verdict.by), closest: reports(verdict.closest) },
        problems: [NOT_RESOLVED, ...verdict.problems],
      }),
    ),
  };
}
