/** The `deny` tests of the policy file, held against access edges alone: the file's own rules are checked when it is saved. */
import { atomOf } from '../compile/selectors.ts';
import type { Core } from '../engine/core.ts';
import { parseSelector } from '../parse/selector.ts';
import { RESERVED_TAG_PREFIX } from '../validate/index.ts';
import { type Endpoint, endpointOfUser, ideaOf } from './endpoint.ts';
import { reaches } from './tests.ts';

export interface BrokenDenial {
  readonly edge: number;
  /** The source and the destination of the test. */
  readonly src: string;
  readonly dst: string;
}

/**
 * What the edges of a world open though a test of its policy denies it. A test's source stands for all people of the world
 * whom it means, and for service accounts by their tags; people who are not in the world are not asked about.
 */
export function brokenDenials(core: Core): BrokenDenial[] {
  const edges = [...core.world.edges.keys()];
  return core.world.policy.tests.flatMap(({ src, deny, proto }) => {
    const sources = deny.length === 0 || src === '' ? [] : sourcesOf(core, src);
    return deny.flatMap((dst) =>
      edges.flatMap((edge) => {
        const opened = sources.some(
          (source) =>
            reaches(
              core,
              source,
              dst,
              proto,
              ({ origin }) => origin.kind === 'edge' && origin.edge === edge,
            ) === true,
        );
        return opened ? [{ edge, src, dst }] : [];
      }),
    );
  });
}

function sourcesOf(core: Core, text: string): Endpoint[] {
  const selector = parseSelector(text);
  const atom = atomOf(selector);
  const everybody = selector.kind === 'any';
  const people = [...core.world.users.values()].map((user) => endpointOfUser(core, user));
  const accounts = [...core.world.edges.values()].flatMap(({ principal: { kind, id } }) =>
    kind === 'service-account' ? [ideaOf([`service-account:${id}`, `${RESERVED_TAG_PREFIX}sa-${id}`])] : [],
  );
  return [...people, ...accounts].filter(
    ({ principals }) => everybody || (atom !== undefined && principals.has(atom)),
  );
}
