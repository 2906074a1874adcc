/**
 * Writes that are tried and taken back, to see what they would do to the network. They go through the same APIs as any
 * other, mounted a second time on a store that keeps nothing, so whatever the APIs can do can be asked about, and nothing of
 * what is asked can happen.
 */
import { type FastifyInstance, fastify } from 'fastify';
import type { Impacts, ProposedRequest } from '../api/native/impact-operations.ts';
import type { Actor } from '../domain/access/actor.ts';
import type { Store } from '../domain/ports/store.ts';
import { withoutNetworks } from '../effective-policy/policy-impact.ts';
import type { Clock } from '../kernel/clock.ts';
import { createProposingStore } from '../store/proposing-store.ts';
import type { Questions } from './questions.ts';

export interface ProposalsParts {
  /** The real one. */
  readonly store: Store;
  readonly questions: Questions;
  readonly clock: Clock;
  /** Mounts the APIs on services over another store; called when the first proposal comes. Resolves with what ends them. */
  readonly mount: (server: FastifyInstance, store: Store) => Promise<() => Promise<void>>;
}

export interface Proposals extends Impacts {
  close(): Promise<void>;
}

/** Only APIs that need a token can be tried: a page or a sign-in is no change of the network. */
const requireGuarded = (server: FastifyInstance): void => {
  server.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open !== true) return undefined;
    return reply.code(404).send({ code: 'not_found', message: 'this is no change that can be asked about' });
  });
};

export function createProposals({ store, questions, clock, mount }: ProposalsParts): Proposals {
  const proposing = createProposingStore(store);
  let mounted: Promise<FastifyInstance> | undefined;

  const server = (): Promise<FastifyInstance> => {
    mounted ??= (async () => {
      const made = fastify();
      requireGuarded(made);
      const end = await mount(made, proposing.store);
      made.addHook('onClose', end);
      await made.ready();
      return made;
    })();
    mounted.catch(() => {
      mounted = undefined;
    });
    return mounted;
  };

  return {
    of: (actor: Actor, { method, path, headers, body }: ProposedRequest) =>
      questions.run(actor.org, async ({ ask, signal }) => {
        const api = await server();
        const { result: answer, changes } = await proposing.propose(
          () => api.inject({ method, url: path, headers, ...(body === undefined ? {} : { payload: body }) }),
          signal,
        );
        if (changes.length === 0) return { status: answer.statusCode, answer: answer.body, impact: null };
        const own = changes.filter(({ org }) => org === actor.org);
        const impact = await ask({ kind: 'impact', org: actor.org, changes: own, now: clock.now() });
        const isReader = actor.permissions.has('networks:read');
        return {
          status: answer.statusCode,
          answer: null,
          impact: isReader ? impact : withoutNetworks(impact),
        };
      }),
    close: async () => {
      await (await mounted)?.close();
    },
  };
}
