/**
 * Writes that are tried and taken back, to see what they would do to the network. They go through the same APIs as any
 * other, mounted a second time on a store that keeps nothing, so whatever the APIs can do can be asked about, and nothing of
 * what is asked can happen.
 */
import { type FastifyInstance, fastify } from 'fastify';
import type { Impacts, ProposedRequest } from '../api/native/impact-operations.ts';
import type { Actor } from '../domain/access/actor.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import type { StoreLocation } from '../store/open-store.ts';
import { createProposingStore } from '../store/proposing-store.ts';
import { createFairQueue } from './fair-queue.ts';
import { createImpactWorkers } from './impact-workers.ts';

export interface ProposalsParts {
  /** The real one, and where it is. */
  readonly store: Store;
  readonly location: StoreLocation;
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

/** Of all organizations together, so that as many cores have this to do at most. */
const RUNNING = 2;
const PER_ORGANIZATION = 4;
const DEADLINE_MS = 30_000;

export function createProposals({ store, location, clock, mount }: ProposalsParts): Proposals {
  const proposing = createProposingStore(store);
  const workers = createImpactWorkers(location);
  const queue = createFairQueue({
    running: RUNNING,
    perParty: PER_ORGANIZATION,
    ms: DEADLINE_MS,
    late: `the impact was not worked out within ${DEADLINE_MS / 1_000} seconds; ask again when less is asked`,
    busy: `${PER_ORGANIZATION} questions of this organization wait for their answer already; ask again after one of them`,
  });
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
      queue.run(actor.org, async (signal) => {
        const api = await server();
        const { result: answer, changes } = await proposing.propose(() =>
          api.inject({ method, url: path, headers, ...(body === undefined ? {} : { payload: body }) }),
        );
        if (changes.length === 0) return { status: answer.statusCode, answer: answer.body, impact: null };
        const own = changes.filter(({ org }) => org === actor.org);
        const impact = await workers.ask({ org: actor.org, changes: own, now: clock.now() }, signal);
        return { status: answer.statusCode, answer: null, impact };
      }),
    close: async () => {
      await workers.close();
      await (await mounted)?.close();
    },
  };
}
