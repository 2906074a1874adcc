/** The actor's organization. There is no way to ask for another one. */

import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Organization } from '../model/people.ts';
import type { Store } from '../ports/store.ts';

export interface OrganizationReads {
  /** Requires `organization:read`. */
  own(actor: Actor): Promise<{ readonly organization: Organization; readonly ssoEnabled: boolean }>;
}

export function createOrganizationReads({ store }: { readonly store: Store }): OrganizationReads {
  return {
    own: async (actor) => {
      authorize(actor, 'organization:read');
      const organization = await store.organizationBy('id', actor.org);
      if (organization === undefined) throw notFound('organization');
      const connections = await store.count('ssoConnection', actor.org);
      return { organization, ssoEnabled: connections > 0 };
    },
  };
}
