/** The `deny` tests of the policy file, held against access edges alone: the file's own rules are checked when it is saved. */
import type { PolicyTest } from '../ast.ts';
import { atomOf } from '../compile/selectors.ts';
import type { PostureSpec } from '../compile/unit.ts';
import type { Core } from '../engine/core.ts';
import { parseSelector } from '../parse/selector.ts';
import { type Attributes, conditionHolds } from '../posture.ts';
import { RESERVED_TAG_PREFIX } from '../validate/index.ts';
import { type Endpoint, endpointOfUser, ideaOf } from './endpoint.ts';
import { createMatcher } from './matcher.ts';
import { hasPort } from './port-sets.ts';
import { createTestEndpoints } from './test-endpoints.ts';
import { questionOf } from './tests.ts';

export interface BrokenDenial {
  readonly edge: number;
  /** The source and the destination of the test. */
  readonly src: string;
  readonly dst: string;
}

/**
 * What the edges of a world open though a test of its policy denies it. A test's source stands for all people of the world
 * whom it means, with the attributes that it gives, and for service accounts by their tags; people who are not in the world
 * are not asked about.
 */
export function brokenDenials(core: Core): BrokenDenial[] {
  const endpoints = createTestEndpoints(core);
  const matcher = createMatcher(core, ({ spec }) => spec.origin.kind === 'edge');
  const everybody = endpointsOf(core);
  const sources = new Map<string, readonly Endpoint[]>();
  const met = new WeakMap<Attributes, string>();
  const conditionsMet = (attributes: Attributes): string => {
    const known =
      met.get(attributes) ??
      core
        .program()
        .gates.map(({ spec }) => (isMet(spec, attributes) ? '1' : '0'))
        .join('');
    met.set(attributes, known);
    return known;
  };
  const sourcesOf = ({ src, srcPostureAttrs }: PolicyTest): readonly Endpoint[] => {
    const { attributes } = endpoints.attributes(srcPostureAttrs);
    // Tests may say thousands of different things of which the conditions see no difference.
    const whole = `${conditionsMet(attributes)} ${src}`;
    const known =
      sources.get(whole) ??
      matcher.distinct(everybody.filter(named(src)).map((one) => ({ ...one, attributes })));
    sources.set(whole, known);
    return known;
  };
  return core.world.policy.tests.flatMap((test) => {
    const { src, deny, proto } = test;
    const from = deny.length === 0 || src === '' ? [] : sourcesOf(test);
    return deny.flatMap((dst) => {
      const asked = questionOf(endpoints, dst, proto);
      if (typeof asked === 'string') return [];
      const opened = new Set<number>();
      for (const source of from) {
        for (const { unit, ports } of matcher.between(source, asked.target).openings) {
          const { origin } = unit.spec;
          if (origin.kind === 'edge' && asked.traffic.some((one) => hasPort(ports(), one)))
            opened.add(origin.edge);
        }
      }
      return [...core.world.edges.keys()]
        .filter((edge) => opened.has(edge))
        .map((edge) => ({ edge, src, dst }));
    });
  });
}

const isMet = ({ anyOf }: PostureSpec, attributes: Attributes): boolean =>
  anyOf.some((all) => all.every((condition) => conditionHolds(condition, attributes)));

/** All people of the world, and the service accounts of its edges. */
function endpointsOf(core: Core): Endpoint[] {
  const people = [...core.world.users.values()].map((user) => endpointOfUser(core, user));
  const accounts = [...core.world.edges.values()].flatMap(({ principal: { kind, id } }) =>
    kind === 'service-account' ? [ideaOf([`service-account:${id}`, `${RESERVED_TAG_PREFIX}sa-${id}`])] : [],
  );
  return [...people, ...accounts];
}

/** Whether the source of a test means an endpoint. */
function named(text: string): (endpoint: Endpoint) => boolean {
  const selector = parseSelector(text);
  if (selector.kind === 'any') return () => true;
  const atom = atomOf(selector);
  return ({ principals }) => atom !== undefined && principals.has(atom);
}
