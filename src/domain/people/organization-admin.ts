/** What administrators change about their organization itself. Its label and the names made of it never change. */
import { notFound } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Organization } from '../model/people.ts';
import { checkOrganizationName } from '../organizations/own-organizations.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';

export interface OrganizationAdmin {
  /** Errors: `forbidden`, `invalid`. The present name changes nothing. */
  rename(actor: Actor, name: string, origin: AuditOrigin): Promise<Organization>;
}

export function createOrganizationAdmin({ store }: { readonly store: Store }): OrganizationAdmin {
  return {
    rename: async (actor, text, origin) => {
      authorize(actor, 'organization:write');
      const name = checkOrganizationName(text);
      const context = { ...contextOf(actor, origin), orgs: [INSTALLATION, actor.org] };
      return store.write(context, async (tx) => {
        const before = await tx.get('organization', INSTALLATION, actor.org);
        if (before === undefined) throw notFound('organization');
        if (before.name === name) return before;
        const entry = {
          verb: 'update',
          objectKind: 'organization',
          objectId: before.id,
          objectName: before.label,
          field: 'name',
          before: before.name,
          after: name,
        } as const;
        tx.audit(INSTALLATION, entry);
        tx.audit(actor.org, entry);
        return tx.update('organization', INSTALLATION, actor.org, { name, updatedAt: tx.now });
      });
    },
  };
}
