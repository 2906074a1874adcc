/**
 * People with a password of this organization, for dialects whose administrators make users whole: in at once, with role,
 * groups and password in one write. Administrators are made and changed by the owner alone here; everybody changes his own
 * name and password.
 *
 * Errors of all: `not_found`, `invalid`, `taken` (name), `conflict`; `forbidden`, with the reason in `details.reason`.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRecentIfPossible } from '../access/recent-sign-in.ts';
import { requireSelf } from '../access/self.ts';
import { revokePersonalTokens } from '../credentials/held-credentials.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import { removeLostClients } from '../ext-clients/lost-clients.ts';
import { type GroupRef, resolveGroups } from '../groups/network-groups.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Role } from '../model/people.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { auditMember } from './audit-member.ts';
import type { MemberAdmin } from './member-admin.ts';
import { memberByName } from './member-by-name.ts';
import {
  checkEmail,
  checkPersonName,
  MAX_USERNAME,
  MIN_USERNAME,
  PLAIN_USERNAME,
  RESERVED_USERNAME,
} from './member-rules.ts';
import { insertAuditedAccount, insertMember } from './new-member.ts';
import { endPasswordLinks } from './password-links.ts';
import { hasOwnFactors } from './second-factor-reset.ts';
import { requireMayGive, requireMayManage } from './user-account-rules.ts';
import {
  changePassword,
  differs,
  dropSecondFactor,
  isSelf,
  refuse,
  writeGroups,
  writePassword,
} from './user-account-writes.ts';

export type { UserRefusal } from './user-account-writes.ts';

export interface NewUser {
  /** An e-mail address, or letters, digits, dots and hyphens. */
  readonly username: string;
  readonly displayName?: string;
  readonly role: Role;
  readonly passwordHash: string;
  readonly groups: readonly GroupRef[];
}

export interface UserChange {
  readonly displayName?: string;
  readonly role?: { readonly role: Role; readonly isSame: (present: Role) => boolean };
  readonly passwordHash?: string;
  /** All groups that people are put into by hand; those of the directory stay. */
  readonly groups?: readonly GroupRef[];
  readonly withoutSecondFactor?: boolean;
}

export interface UserAccountService {
  create(actor: Actor, input: NewUser, origin: AuditOrigin): Promise<Membership>;
  update(actor: Actor, id: number, change: UserChange, origin: AuditOrigin): Promise<Membership>;
  setEnabled(
    actor: Actor,
    id: number,
    enabled: boolean,
    options: { readonly keepClients: boolean },
    origin: AuditOrigin,
  ): Promise<Membership>;
  /** `keepClients`: plain external clients stay, switched off, as the organization's. */
  remove(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    options?: { readonly keepClients: boolean },
  ): Promise<void>;
}

export interface UserAccountServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly admin: MemberAdmin;
}

/** The e-mail address in a user name, or null for a plain one. Throws with all that is wrong, a line each. */
function checkUsername(username: string): string | null {
  if (username === RESERVED_USERNAME) throw invalid('username not allowed', 'username');
  const problems: string[] = [];
  if (username === '') problems.push('username cannot be empty');
  if (username.length < MIN_USERNAME) problems.push('username must have more than 3 characters');
  if (username.length > MAX_USERNAME) problems.push(`username must not exceed ${MAX_USERNAME} characters`);
  const isPlain = PLAIN_USERNAME.test(username);
  let email: string | null = null;
  if (!isPlain) {
    try {
      email = checkEmail(username, 'username');
    } catch {
      problems.push('invalid character(s) in username');
    }
  }
  if (problems.length > 0) throw invalid(problems.join('\n'), 'username');
  return email;
}

export function createUserAccountService({
  store,
  random,
  admin,
}: UserAccountServiceParts): UserAccountService {
  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'members:write');
      const email = checkUsername(input.username);
      const displayName = checkPersonName(input.displayName ?? '', 'display_name') || null;
      requireMayGive(actor, input.role);
      const settings = await readSettings(store, actor.org);
      if (!settings.password_login) throw new AppError('conflict', 'basic auth is disabled');
      const context = { ...contextOf(actor, origin), orgs: [INSTALLATION, actor.org] };
      return store.write(context, async (tx) => {
        const { org } = actor;
        if ((await memberByName(tx, org, input.username)) !== undefined) {
          throw new AppError('taken', 'user exists', { field: 'username' });
        }
        const account = await insertAuditedAccount(tx, input.username, true);
        const member = await insertMember(tx, random, {
          org,
          account: account.id,
          username: input.username,
          email,
          displayName,
          role: input.role,
          joinedAt: tx.now,
          approvedAt: tx.now,
          ...byColumnsOf(actor),
        });
        auditMember(tx, member, 'create', { after: { role: input.role } });
        await writePassword(tx, member, input.passwordHash);
        await writeGroups(tx, actor, member, await resolveGroups(tx, actor, input.groups));
        return member;
      });
    },

    update: async (actor, id, change, origin) => {
      const displayName =
        change.displayName === undefined ? undefined : checkPersonName(change.displayName, 'display_name');
      const { mfa_enforced } = await readSettings(store, actor.org);
      return store.write(contextOf(actor, origin), async (tx) => {
        const member = await requireRow(tx, 'membership', actor.org, id);
        const self = isSelf(actor, id);
        // One's own password opens everything: a credential that was narrowed does not change it.
        if (self) requireSelf(actor, 'write');
        else requireMayManage(actor, member);
        const role =
          change.role === undefined || change.role.isSame(member.role) ? undefined : change.role.role;
        if (role !== undefined) {
          if (self) throw refuse('self-role');
          requireMayGive(actor, role);
        }
        const groups = await resolveGroups(tx, actor, change.groups ?? []);
        const regrouped = change.groups !== undefined && (await differs(tx, member, groups));
        if (regrouped && self && !actor.permissions.has('groups:write')) throw refuse('self-groups');
        if (regrouped && !self) authorize(actor, 'groups:write');
        if (change.withoutSecondFactor === true && self && mfa_enforced)
          throw refuse('second-factor-enforced');
        const dropped = change.withoutSecondFactor === true && (await hasOwnFactors(tx, member));
        if (self && (change.passwordHash !== undefined || dropped)) {
          await requireRecentIfPossible(tx, actor, tx.now);
        }
        if (change.passwordHash !== undefined) await changePassword(tx, actor, member, change.passwordHash);
        if (change.withoutSecondFactor === true) await dropSecondFactor(tx, member);
        if (regrouped) await writeGroups(tx, actor, member, groups);
        const wanted = {
          ...(displayName === undefined ? {} : { displayName: displayName || null }),
          ...(role === undefined ? {} : { role }),
        };
        const after = await tx.update('membership', actor.org, id, wanted);
        if (!isSameRow(member, after)) {
          auditMember(tx, member, 'update', {
            before: { displayName: member.displayName, role: member.role },
            after: wanted,
          });
        }
        if (role !== undefined) await endPasswordLinks(tx, member);
        if (role !== undefined || regrouped) {
          await revokePersonalTokens(tx, actor.org, [id]);
          await removeLostClients(tx, actor.org, [id]);
        }
        return after;
      });
    },

    setEnabled: async (actor, id, enabled, options, origin) => {
      authorize(actor, 'members:write');
      const member = await requireRow(store, 'membership', actor.org, id);
      if (isSelf(actor, id)) throw refuse('self-state');
      requireMayManage(actor, member);
      return enabled ? admin.restore(actor, id, origin) : admin.suspend(actor, id, origin, options);
    },

    remove: async (actor, id, origin, options) => {
      authorize(actor, 'members:write');
      const member = await requireRow(store, 'membership', actor.org, id);
      if (isSelf(actor, id) && member.role !== 'owner') throw refuse('administrator');
      requireMayManage(actor, member);
      if (member.managedBy === 'directory') throw new AppError('conflict', 'cannot delete idp user');
      await admin.remove(actor, id, origin, options);
    },
  };
}
