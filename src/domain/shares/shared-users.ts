/** People of other organizations with whom a device is shared, as its organization sees them. */
import { notFound } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { ShareAccept } from '../model/devices.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import { withAcceptors } from './share-removal.ts';

export interface SharedUser {
  readonly id: number;
  readonly org: number;
  readonly loginName: string;
  readonly displayName: string;
  readonly avatarUrl: string;
  /** When they first accepted a device. */
  readonly since: number;
}

export interface SharedUsers {
  /** In order of their ids. */
  list(actor: Actor): Promise<readonly SharedUser[]>;
  /** Undefined for whoever has no device of this organization. */
  find(actor: Actor, id: number): Promise<SharedUser | undefined>;
  /** Takes back every device that they accepted. Errors: `not_found`. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const MAX_LISTED = 100_000;

function usersOf(accepts: readonly ShareAccept[]): SharedUser[] {
  const users = new Map<number, SharedUser>();
  for (const accept of [...accepts].sort((a, b) => a.acceptedAt - b.acceptedAt)) {
    if (users.has(accept.membership)) continue;
    const { membership: id, acceptorOrg: org, loginName, displayName, avatarUrl, acceptedAt } = accept;
    users.set(id, { id, org, loginName, displayName, avatarUrl, since: acceptedAt });
  }
  return [...users.values()].sort((a, b) => a.id - b.id);
}

export function createSharedUsers({ store }: { readonly store: Store }): SharedUsers {
  return {
    list: async (actor) => {
      authorize(actor, 'members:read');
      return usersOf(await store.find('shareAccept', actor.org, {}, MAX_LISTED));
    },
    find: async (actor, id) => {
      authorize(actor, 'members:read');
      const [user] = usersOf(await store.find('shareAccept', actor.org, { membership: id }, MAX_LISTED));
      return user;
    },
    remove: async (actor, id, origin) => {
      authorize(actor, 'members:write');
      await withAcceptors(store, actor, origin, { membership: id }, async (tx, end) => {
        const accepts = await tx.find('shareAccept', actor.org, { membership: id });
        const [first] = accepts;
        if (first === undefined) throw notFound('user');
        await end(accepts);
        tx.audit(actor.org, {
          verb: 'delete',
          objectKind: 'shareAccept',
          objectId: id,
          objectName: first.loginName,
          before: { devices: accepts.map(({ device }) => device) },
        });
      });
    },
  };
}
