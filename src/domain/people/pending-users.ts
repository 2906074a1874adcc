/** People who signed in by themselves and wait for somebody to let them in. */
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Role } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import type { Condition, Store, Tx } from '../ports/store.ts';
import { removeMember } from './member-removal.ts';
import { JOINED } from './member-state.ts';
import { requireManages } from './role-rules.ts';

export interface PendingUsers {
  /** In order of their names. Requires `members:read`. */
  list(actor: Actor): Promise<readonly Membership[]>;
  /**
   * Lets one in. Who has the role that everybody arrives with gets `role` instead. No change for names that do not wait.
   * Errors: `forbidden`.
   */
  approve(actor: Actor, username: string, role: Role, origin: AuditOrigin): Promise<void>;
  /** Turns one away. No change for names that do not wait. Errors: `forbidden`. */
  reject(actor: Actor, username: string, origin: AuditOrigin): Promise<void>;
  /** Turns all away whom the actor manages. */
  rejectAll(actor: Actor, origin: AuditOrigin): Promise<void>;
}

/** What somebody is who arrived by themselves. */
const ARRIVAL_ROLE: Role = 'member';
const MAX_PENDING = 10_000;

const PENDING: Condition<'membership'> = {
  allOf: [
    JOINED,
    { column: 'approvedAt', operator: 'is-null' },
    { column: 'suspendedAt', operator: 'is-null' },
  ],
};

export function createPendingUsers({ store }: { readonly store: Store }): PendingUsers {
  const change = (
    actor: Actor,
    username: string,
    origin: AuditOrigin,
    work: (tx: Tx, member: Membership) => Promise<void>,
  ): Promise<void> => {
    authorize(actor, 'members:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const [member] = await tx.list('membership', actor.org, {
        where: { usernameKey: normalizeKey(username) },
        condition: PENDING,
        limit: 1,
      });
      if (member === undefined) return;
      requireManages(actor, member.role);
      await work(tx, member);
    });
  };
  const audit = (tx: Tx, member: Membership, verb: 'approve' | 'delete'): void =>
    tx.audit(member.org, {
      verb,
      objectKind: 'membership',
      objectId: member.id,
      objectName: loginName(member),
      details: 'pending',
    });
  const list: PendingUsers['list'] = async (actor) => {
    authorize(actor, 'members:read');
    return store.list('membership', actor.org, {
      condition: PENDING,
      orderBy: [{ column: 'usernameKey' }],
      limit: MAX_PENDING,
    });
  };
  const remove = async (tx: Tx, member: Membership): Promise<void> => {
    await removeMember(tx, member);
    audit(tx, member, 'delete');
  };

  return {
    list,
    approve: (actor, username, role, origin) =>
      change(actor, username, origin, async (tx, member) => {
        const { org, id } = member;
        const given = member.role === ARRIVAL_ROLE ? role : member.role;
        requireManages(actor, given);
        await tx.update('membership', org, id, { approvedAt: tx.now, role: given });
        audit(tx, member, 'approve');
      }),
    reject: (actor, username, origin) => change(actor, username, origin, remove),
    rejectAll: async (actor, origin) => {
      authorize(actor, 'members:write');
      for (const { username } of await list(actor)) await change(actor, username, origin, remove);
    },
  };
}
