/** Resources that packets are routed to, for dialects that list them by network. */
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { missing } from '../directory/missing.ts';
import type { Resource } from '../model/networks.ts';
import type { Store } from '../ports/store.ts';

export interface ResourceReads {
  /** Plain resources of a network, ordered by id. Requires `networks:read`. */
  list(actor: Actor, network: number): Promise<readonly Resource[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, id: number): Promise<Resource>;
}

const PLAIN = ['network', 'egress'] as const;
const MANY = 100_000;

export function createResourceReads({ store }: { readonly store: Store }): ResourceReads {
  return {
    list: async (actor, network) => {
      authorize(actor, 'networks:read');
      return store.find('resource', actor.org, { network, kind: PLAIN }, MANY);
    },
    get: async (actor, id) => {
      authorize(actor, 'networks:read');
      const [resource] = await store.find('resource', actor.org, { id, kind: PLAIN }, 1);
      if (resource === undefined) throw missing('resource', id);
      return resource;
    },
  };
}
