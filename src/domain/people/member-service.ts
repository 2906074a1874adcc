/**
 * People from their invitation on. Somebody invited is a member already, with role and groups, who has not joined: one id
 * from the invitation to the end. What concerns members who joined alone is in member-admin.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `taken` (an address or name that somebody has), `conflict`.
 */
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRecentSignIn } from '../access/recent-sign-in.ts';
import { eachRow } from '../directory/each-row.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Membership, Role } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import { INSTALLATION, type Store, type Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { auditInvitation, auditMember } from './audit-member.ts';
import { addInvited, type NewMember } from './invited-member.ts';
import { setInvitedRole } from './invited-role.ts';
import type { MemberAdmin } from './member-admin.ts';
import { removeMember } from './member-removal.ts';
import { checkEmail, checkPersonName } from './member-rules.ts';
import { memberState } from './member-state.ts';
import { requireManual } from './member-writes.ts';
import { requireManages } from './role-rules.ts';
import { resetOwnFactors } from './second-factor-reset.ts';
import { isSelf } from './user-account-writes.ts';

export type { NewMember } from './invited-member.ts';

export interface MemberNames {
  readonly givenName?: string;
  readonly familyName?: string;
}

export interface MemberDetails extends MemberNames {
  readonly suspended?: boolean;
}

export interface MemberService {
  invite(
    actor: Actor,
    input: NewMember,
    origin: AuditOrigin,
  ): Promise<{ readonly member: Membership; readonly invitation: Invitation }>;
  /**
   * Names, and whether they are suspended: what is refused is refused before anything is written. `conflict` for suspending
   * somebody who has not joined; restoring them changes nothing.
   */
  update(actor: Actor, id: number, details: MemberDetails, origin: AuditOrigin): Promise<Membership>;
  /** As in member-admin, also for those who have not joined. */
  setRole(
    actor: Actor,
    id: number,
    role: Role,
    origin: AuditOrigin,
    isSame?: (present: Role) => boolean,
  ): Promise<Membership>;
  /** With the invitation of somebody who has not joined. `invalid` for whom a directory manages. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** Takes it back, and with it the member who never joined. `conflict` for one that was accepted. */
  revokeInvitation(actor: Actor, invitation: number, origin: AuditOrigin): Promise<void>;
  /** Takes all back that are open, or none. */
  revokeInvitations(actor: Actor, origin: AuditOrigin): Promise<void>;
  /** Takes away the second factor that was set up in this organization. `conflict` if it is their own account's. */
  resetSecondFactor(actor: Actor, id: number, origin: AuditOrigin): Promise<Membership>;
}

export interface MemberServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly admin: MemberAdmin;
}

export function createMemberService({ store, random, admin }: MemberServiceParts): MemberService {
  const find = (actor: Actor, id: number): Promise<Membership> =>
    requireRow(store, 'membership', actor.org, id);
  const contextWithAccounts = (actor: Actor, origin: AuditOrigin) => ({
    ...contextOf(actor, origin),
    orgs: [INSTALLATION, actor.org],
  });

  const setSuspended = async (
    actor: Actor,
    member: Membership,
    suspended: boolean,
    origin: AuditOrigin,
  ): Promise<void> => {
    if (memberState(member) === 'invited' || memberState(member) === 'needs-approval') {
      if (suspended) throw new AppError('conflict', 'the user has not joined yet');
      return;
    }
    if ((member.suspendedAt !== null) === suspended) return;
    await (suspended ? admin.suspend : admin.restore)(actor, member.id, origin);
  };
  const setNames = (
    actor: Actor,
    id: number,
    wanted: MemberNames,
    origin: AuditOrigin,
  ): Promise<Membership> =>
    store.write(contextOf(actor, origin), async (tx) => {
      const member = await requireRow(tx, 'membership', actor.org, id);
      requireManual(member, 'change the name of');
      requireManages(actor, member.role);
      const after = await tx.update('membership', actor.org, id, {
        ...(wanted.givenName === undefined ? {} : { givenName: wanted.givenName || null }),
        ...(wanted.familyName === undefined ? {} : { familyName: wanted.familyName || null }),
      });
      if (!isSameRow(member, after)) {
        auditMember(tx, member, 'update', {
          field: 'name',
          before: { givenName: member.givenName, familyName: member.familyName },
          after: wanted,
        });
      }
      return after;
    });

  /** A member who has not joined, with the account that the invitation made. */
  const removeInvited = async (tx: Tx, actor: Actor, id: number): Promise<void> => {
    const member = await requireRow(tx, 'membership', actor.org, id);
    if (member.joinedAt !== null) throw new AppError('conflict', 'the user joined just now, try again');
    requireManages(actor, member.role);
    const [invitation] = await tx.find('invitation', actor.org, { membership: id, status: 'pending' });
    await removeMember(tx, member);
    if (invitation === undefined) auditMember(tx, member, 'delete');
    else auditInvitation(tx, member, invitation, 'revoke');
    const account = await tx.get('account', INSTALLATION, member.account);
    if (account?.claimed === false) {
      await tx.remove('account', INSTALLATION, account.id);
      const name = loginName(member);
      tx.audit(INSTALLATION, {
        verb: 'delete',
        objectKind: 'account',
        objectId: account.id,
        objectName: name,
      });
    }
  };

  const revoke = async (tx: Tx, actor: Actor, invitation: Invitation): Promise<void> => {
    if (invitation.membership !== null) return removeInvited(tx, actor, invitation.membership);
    await tx.remove('invitation', actor.org, invitation.id);
    tx.audit(actor.org, {
      verb: 'revoke',
      objectKind: 'invitation',
      objectId: invitation.id,
      objectName: invitation.email ?? 'link',
    });
  };

  return {
    invite: async (actor, input, origin) => {
      authorize(actor, 'members:write');
      authorize(actor, 'invitations:write');
      requireManages(actor, input.role);
      const email = checkEmail(input.email);
      const names = checkNames(input);
      const settings = await readSettings(store, actor.org);
      return store.write(contextWithAccounts(actor, origin), (tx) =>
        addInvited(tx, random, actor, { ...input, ...names, email }, settings),
      );
    },

    update: async (actor, id, { suspended, ...names }, origin) => {
      authorize(actor, 'members:write');
      const wanted = checkNames(names);
      const named = Object.keys(wanted).length > 0;
      const member = await find(actor, id);
      if (named) requireManual(member, 'change the name of');
      if (suspended !== undefined) await setSuspended(actor, member, suspended, origin);
      return named ? setNames(actor, id, wanted, origin) : find(actor, id);
    },

    setRole: async (actor, id, role, origin, isSame = (present) => present === role) => {
      authorize(actor, 'members:write');
      if ((await find(actor, id)).joinedAt !== null) return admin.setRole(actor, id, role, origin, isSame);
      return store.write(contextOf(actor, origin), (tx) => setInvitedRole(tx, actor, id, role, isSame));
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'members:write');
      const present = await find(actor, id);
      requireManual(present, 'delete');
      if (present.joinedAt !== null) return admin.remove(actor, id, origin);
      return store.write(contextWithAccounts(actor, origin), (tx) => removeInvited(tx, actor, id));
    },

    revokeInvitation: async (actor, invitationId, origin) => {
      authorize(actor, 'invitations:write');
      await store.write(contextWithAccounts(actor, origin), async (tx) => {
        const invitation = await requireRow(tx, 'invitation', actor.org, invitationId);
        if (invitation.status === 'accepted') throw new AppError('conflict', 'the invitation was accepted');
        await revoke(tx, actor, invitation);
      });
    },

    revokeInvitations: async (actor, origin) => {
      authorize(actor, 'invitations:write');
      await store.write(contextWithAccounts(actor, origin), async (tx) => {
        for await (const invitation of eachRow(tx, 'invitation', actor.org, { status: 'pending' })) {
          if (invitation.expiresAt > tx.now) await revoke(tx, actor, invitation);
        }
      });
    },

    resetSecondFactor: async (actor, id, origin) => {
      authorize(actor, 'members:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', actor.org, id);
        requireManages(actor, member.role);
        if (isSelf(actor, id)) await requireRecentSignIn(tx, actor, tx.now);
        const { account } = member;
        const had = await resetOwnFactors(tx, member);
        const elsewhere = await tx.find('identity', INSTALLATION, { account, kind: ['totp', 'passkey'] });
        if (!had && elsewhere.length > 0) {
          throw new AppError(
            'conflict',
            'the second factor belongs to the account of the user, who alone resets it',
          );
        }
        if (had) auditMember(tx, member, 'update', { field: 'secondFactor', after: null });
        return member;
      });
    },
  };
}

function checkNames(names: MemberNames): MemberNames {
  return {
    ...(names.givenName === undefined ? {} : { givenName: checkPersonName(names.givenName, 'givenName') }),
    ...(names.familyName === undefined
      ? {}
      : { familyName: checkPersonName(names.familyName, 'familyName') }),
  };
}
