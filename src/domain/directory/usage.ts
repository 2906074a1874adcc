/** How much of each thing an organization has. */
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { APPROVED } from '../people/member-state.ts';
import type { Store } from '../ports/store.ts';

export interface Usage {
  readonly people: number;
  readonly devices: number;
  readonly extClients: number;
  readonly networks: number;
  readonly gateways: number;
  readonly resources: number;
}

export interface UsageReads {
  /** Requires `organization:read`. */
  count(actor: Actor): Promise<Usage>;
}

export function createUsageReads({ store }: { readonly store: Store }): UsageReads {
  return {
    count: async (actor) => {
      authorize(actor, 'organization:read');
      const { org } = actor;
      const [people, devices, extClients, networks, gateways, resources] = await Promise.all([
        store.count('membership', org, { condition: APPROVED }),
        store.count('device', org),
        store.count('extClient', org),
        store.count('network', org),
        store.count('gateway', org),
        store.count('resource', org),
      ]);
      return { people, devices, extClients, networks, gateways, resources };
    },
  };
}
