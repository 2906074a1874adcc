/**
 * Role and state of a member in one write, for dialects that change both at once. Unlike in member-admin one may take power
 * from oneself: an organization always has its owner.
 *
 * Errors of all: `not_found`; `forbidden` for the owner (reason `owner`), and for whoever has more power than the actor.
 */
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { missing, requireRow } from '../directory/missing.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Role } from '../model/people.ts';
import type { Store, Tx } from '../ports/store.ts';
import { memberState } from './member-state.ts';
import {
  approveMember,
  deleteMember,
  notTheOwner,
  requireManual,
  restoreMember,
  suspendMember,
  writeRole,
} from './member-writes.ts';
import { requireManages } from './role-rules.ts';

export interface MemberChange {
  readonly role?: Role | undefined;
  /** Whether the present role reads as the wanted one; then it stays. */
  readonly isSame: (present: Role) => boolean;
  /** True: restored and approved, whatever was missing. */
  readonly active?: boolean | undefined;
}

export interface MemberChanges {
  /** All of it or nothing. Nothing given changes nothing. */
  change(actor: Actor, id: number, change: MemberChange, origin: AuditOrigin): Promise<Membership>;
  /** The actor too may go. `invalid` for whom a directory manages. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export function createMemberChanges({ store }: { readonly store: Store }): MemberChanges {
  const write = <T>(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    work: (tx: Tx, member: Membership) => Promise<T>,
  ): Promise<T> => {
    authorize(actor, 'members:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const member = await requireRow(tx, 'membership', actor.org, id);
      if (member.joinedAt === null) throw missing('membership', id);
      return work(tx, member);
    });
  };
  return {
    change: (actor, id, { role, isSame, active }, origin) =>
      write(actor, id, origin, async (tx, before) => {
        let member = before;
        if (role !== undefined && !isSame(member.role)) {
          notTheOwner(member);
          requireManages(actor, member.role);
          requireManages(actor, role);
          member = await writeRole(tx, member, role);
        }
        const isActive = memberState(member) === 'active';
        if (active === undefined || active === isActive) return member;
        // Somebody who waits to be approved is as little active as can be.
        if (!active && member.suspendedAt === null && !isActive) return member;
        if (!active) notTheOwner(member);
        requireManages(actor, before.role);
        if (!active) return suspendMember(tx, member);
        if (member.suspendedAt !== null) member = await restoreMember(tx, member);
        return member.approvedAt === null ? approveMember(tx, member) : member;
      }),
    remove: (actor, id, origin) =>
      write(actor, id, origin, async (tx, member) => {
        requireManual(member, 'delete');
        notTheOwner(member);
        requireManages(actor, member.role);
        await deleteMember(tx, member);
      }),
  };
}
