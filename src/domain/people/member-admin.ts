/**
 * What administrators do to people. Every check reads inside the transaction that writes, in which the actor's organization
 * is locked: two who demote each other at once cannot both succeed.
 *
 * Errors of all: `not_found`; `forbidden` for oneself, for the owner, and for whoever has more power than the actor.
 */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Role } from '../model/people.ts';
import type { Store, Tx } from '../ports/store.ts';
import {
  approveMember,
  deleteMember,
  notTheOwner,
  restoreMember,
  suspendMember,
  writeRole,
} from './member-writes.ts';
import { requireManages } from './role-rules.ts';

export interface MemberAdmin {
  /**
   * `owner` hands the organization over: only its owner may, and becomes an administrator. A role that `isSame` as the
   * present one (for a dialect with fewer roles) changes nothing.
   */
  setRole(
    actor: Actor,
    id: number,
    role: Role,
    origin: AuditOrigin,
    isSame?: (present: Role) => boolean,
  ): Promise<Membership>;
  /** No change if they are approved already. */
  approve(actor: Actor, id: number, origin: AuditOrigin): Promise<Membership>;
  /** Cuts off their devices, tokens and keys, and ends their sessions. `keepClients`: not their external clients. */
  suspend(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    options?: { readonly keepClients: boolean },
  ): Promise<Membership>;
  /** All is back but the sessions. */
  restore(actor: Actor, id: number, origin: AuditOrigin): Promise<Membership>;
  /**
   * The membership with its devices, credentials and places in groups. What it made for the organization stays.
   * `keepClients`: so do plain external clients, switched off, as the organization's.
   */
  remove(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    options?: { readonly keepClients: boolean },
  ): Promise<void>;
}

export function createMemberAdmin({ store }: { readonly store: Store }): MemberAdmin {
  const change = <T>(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    what: string,
    work: (tx: Tx, member: Membership) => Promise<T>,
  ): Promise<T> => {
    authorize(actor, 'members:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const member = await tx.get('membership', actor.org, id);
      if (member === undefined || member.joinedAt === null) throw notFound('user');
      if (actor.kind === 'member' && actor.membership === id) {
        throw new AppError('forbidden', `not allowed to ${what}`);
      }
      return work(tx, member);
    });
  };

  return {
    setRole: (actor, id, role, origin, isSame = (present) => present === role) =>
      change(actor, id, origin, 'change own role', async (tx, member) => {
        if (isSame(member.role)) return member;
        if (role === 'owner') return handOver(tx, actor, member);
        notTheOwner(member);
        requireManages(actor, member.role);
        requireManages(actor, role);
        return writeRole(tx, member, role);
      }),

    approve: (actor, id, origin) =>
      change(actor, id, origin, 'approve oneself', async (tx, member) => {
        if (member.approvedAt !== null) return member;
        requireManages(actor, member.role);
        return approveMember(tx, member);
      }),

    suspend: (actor, id, origin, { keepClients } = { keepClients: false }) =>
      change(actor, id, origin, 'suspend oneself', async (tx, member) => {
        notTheOwner(member);
        requireManages(actor, member.role);
        // Whoever suspends takes along what another left running, and leaves nothing running that another took along.
        if (member.suspendedAt !== null && (keepClients || !member.keepClients)) return member;
        return suspendMember(tx, member, keepClients);
      }),

    restore: (actor, id, origin) =>
      change(actor, id, origin, 'restore oneself', async (tx, member) => {
        requireManages(actor, member.role);
        if (member.suspendedAt === null) return member;
        return restoreMember(tx, member);
      }),

    remove: (actor, id, origin, options) =>
      change(actor, id, origin, 'delete oneself', async (tx, member) => {
        notTheOwner(member);
        requireManages(actor, member.role);
        await deleteMember(tx, member, options);
      }),
  };
}

async function handOver(tx: Tx, actor: Actor, member: Membership): Promise<Membership> {
  const owner = actor.kind === 'member' ? await tx.get('membership', actor.org, actor.membership) : undefined;
  if (
    owner?.role !== 'owner' ||
    (actor.kind === 'member' && actor.credential?.scopes.includes('all') === false)
  ) {
    throw new AppError('forbidden', 'only the owner can hand the organization over');
  }
  if (member.suspendedAt !== null || member.approvedAt === null) {
    throw invalid('the new owner must be active', 'role');
  }
  await writeRole(tx, owner, 'admin');
  return writeRole(tx, member, 'owner');
}
