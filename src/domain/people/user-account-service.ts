/**
 * People with a password of this organization, for dialects whose administrators make users whole: in at once, with role,
 * groups and password in one write. Administrators are made and changed by the owner alone here; everybody changes his own
 * name and password.
 *
 * Errors of all: `not_found`, `invalid`, `taken` (name), `conflict`; `forbidden`, with the reason in `details.reason`.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import { requireRow, requireRows } from '../directory/missing.ts';
import type { CredentialKind } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Identity, Membership, Role } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import { INSTALLATION, type Store, type Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import type { MemberAdmin } from './member-admin.ts';
import { checkEmail, checkPersonName } from './member-rules.ts';
import { requireManages } from './role-rules.ts';

export type UserRefusal =
  | 'not-self'
  | 'self-role'
  | 'self-groups'
  | 'self-state'
  | 'second-factor-enforced'
  | 'owner'
  | 'administrator'
  | 'administrator-role'
  | 'external-password';

export interface NewUser {
  /** An e-mail address, or letters, digits, dots and hyphens. */
  readonly username: string;
  readonly displayName?: string;
  readonly role: Role;
  readonly passwordHash: string;
  readonly groups: readonly number[];
}

export interface UserChange {
  readonly displayName?: string;
  readonly role?: { readonly role: Role; readonly isSame: (present: Role) => boolean };
  readonly passwordHash?: string;
  /** All groups that people are put into by hand; those of the directory stay. */
  readonly groups?: readonly number[];
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
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export interface UserAccountServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly admin: MemberAdmin;
}

const refuse = (reason: UserRefusal): AppError =>
  new AppError('forbidden', `not allowed: ${reason}`, { details: { reason } });

const MIN_USERNAME = 4;
const MAX_USERNAME = 254;
const PLAIN_USERNAME = /^[A-Za-z0-9.-]+$/u;
/** The name that the vendor's master key goes by. */
const RESERVED_USERNAME = 'masteradministrator';
const FOREIGN: ReadonlySet<Identity['kind']> = new Set(['oidc', 'sso']);

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

const isSelf = (actor: Actor, id: number): boolean => actor.kind === 'member' && actor.membership === id;
const isOwner = (actor: Actor): boolean => actor.kind === 'member' && actor.role === 'owner';

/** Whoever is no owner leaves administrators alone. */
function requireMayManage(actor: Actor, member: Membership): void {
  if (!actor.permissions.has('members:write')) throw refuse('not-self');
  if (member.role === 'owner') throw refuse('owner');
  if (ADMINISTRATIVE_ROLES.has(member.role) && !isOwner(actor)) throw refuse('administrator');
  requireManages(actor, member.role);
}

function requireMayGive(actor: Actor, role: Role): void {
  if (ADMINISTRATIVE_ROLES.has(role) && !isOwner(actor)) throw refuse('administrator-role');
  requireManages(actor, role);
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
        const key = normalizeKey(input.username);
        const [named] = await tx.find('membership', org, { usernameKey: key }, 1);
        const [mailed] = await tx.find('membership', org, { emailKey: key }, 1);
        if (named !== undefined || mailed !== undefined) {
          throw new AppError('taken', 'user exists', { field: 'username' });
        }
        const account = await tx.insert('account', {
          org: INSTALLATION,
          id: tx.newId(),
          claimed: true,
          createdAt: tx.now,
        });
        tx.audit(INSTALLATION, {
          verb: 'create',
          objectKind: 'account',
          objectId: account.id,
          objectName: input.username,
        });
        const member = await tx.insert('membership', {
          org,
          id: tx.newId(),
          nano: randomNanoId(random),
          account: account.id,
          username: input.username,
          usernameKey: key,
          email,
          emailKey: email === null ? null : key,
          displayName,
          givenName: null,
          familyName: null,
          avatarUrl: null,
          role: input.role,
          createdAt: tx.now,
          joinedAt: tx.now,
          approvedAt: tx.now,
          suspendedAt: null,
          keepClients: false,
          managedBy: 'none',
          externalId: null,
          ...byColumnsOf(actor),
        });
        audit(tx, member, 'create', { after: { role: input.role } });
        await writePassword(tx, member, input.passwordHash);
        await writeGroups(tx, member, input.groups);
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
        if (!self) requireMayManage(actor, member);
        const role =
          change.role === undefined || change.role.isSame(member.role) ? undefined : change.role.role;
        if (role !== undefined) {
          if (self) throw refuse('self-role');
          requireMayGive(actor, role);
        }
        const regrouped = change.groups !== undefined && (await differs(tx, member, change.groups));
        if (regrouped && self && !actor.permissions.has('groups:write')) throw refuse('self-groups');
        if (regrouped && !self) authorize(actor, 'groups:write');
        if (change.withoutSecondFactor === true && self && mfa_enforced)
          throw refuse('second-factor-enforced');
        if (change.passwordHash !== undefined) await changePassword(tx, actor, member, change.passwordHash);
        if (change.withoutSecondFactor === true) await dropSecondFactor(tx, member);
        if (regrouped) await writeGroups(tx, member, change.groups ?? []);
        const wanted = {
          ...(displayName === undefined ? {} : { displayName: displayName || null }),
          ...(role === undefined ? {} : { role }),
        };
        const after = await tx.update('membership', actor.org, id, wanted);
        if (after !== member) {
          audit(tx, member, 'update', {
            before: { displayName: member.displayName, role: member.role },
            after: wanted,
          });
        }
        // Personal access tokens were given for what their owner was then.
        if (role !== undefined || regrouped) await revoke(tx, member, ['pat']);
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

    remove: async (actor, id, origin) => {
      authorize(actor, 'members:write');
      const member = await requireRow(store, 'membership', actor.org, id);
      if (isSelf(actor, id) && member.role !== 'owner') throw refuse('administrator');
      requireMayManage(actor, member);
      if (member.managedBy === 'directory') throw new AppError('conflict', 'cannot delete idp user');
      await admin.remove(actor, id, origin);
    },
  };
}

async function changePassword(tx: Tx, actor: Actor, member: Membership, hash: string): Promise<void> {
  const { org, account } = member;
  const own = await tx.find('identity', org, { account });
  const elsewhere = await tx.find('identity', INSTALLATION, { account });
  // A way in that is valid beyond this organization is its person's own affair.
  const foreign = [...own, ...elsewhere].some(({ kind }) => FOREIGN.has(kind));
  if (foreign || elsewhere.some(({ kind }) => kind === 'password')) throw refuse('external-password');
  await writePassword(tx, member, hash);
  // Whoever got in with the old password is out; the session that changed it stays.
  const kept = isSelf(actor, member.id) && actor.kind === 'member' ? actor.credential?.id : undefined;
  await revoke(tx, member, ['session'], kept);
}

async function writePassword(tx: Tx, member: Membership, secretHash: string): Promise<void> {
  const { org, account } = member;
  const [present] = await tx.find('identity', org, { account, kind: 'password' }, 1);
  if (present !== undefined) await tx.update('identity', org, present.id, { secretHash });
  else {
    await tx.insert('identity', {
      org,
      id: tx.newId(),
      account,
      kind: 'password',
      issuer: 'password',
      subject: String(account),
      email: null,
      emailVerified: false,
      secretHash,
      sealed: null,
      data: {},
      createdAt: tx.now,
      lastUsed: null,
    });
  }
  audit(tx, member, 'update', { field: 'password' });
}

async function dropSecondFactor(tx: Tx, member: Membership): Promise<void> {
  const held = await tx.find('identity', member.org, { account: member.account, kind: 'totp' });
  for (const { id } of held) await tx.remove('identity', member.org, id);
  if (held.length > 0) audit(tx, member, 'update', { field: 'secondFactor', after: null });
}

/** Groups that this member was put into by hand. */
async function handGroups(tx: Tx, { org, id }: Membership): Promise<number[]> {
  return (await tx.find('groupMember', org, { membership: id, source: 'manual' })).map(({ group }) => group);
}

async function differs(tx: Tx, member: Membership, wanted: readonly number[]): Promise<boolean> {
  const present = await handGroups(tx, member);
  return present.length !== new Set(wanted).size || !present.every((group) => wanted.includes(group));
}

async function writeGroups(tx: Tx, member: Membership, wanted: readonly number[]): Promise<void> {
  const { org, id } = member;
  const present = await handGroups(tx, member);
  const groups = await requireRows(tx, 'group', org, wanted);
  if (groups.some(({ kind }) => kind === 'directory')) {
    throw invalid('cannot modify membership of external groups', 'user_group_ids');
  }
  const added = groups.map((group) => group.id).filter((group) => !present.includes(group));
  const removed = present.filter((group) => !wanted.includes(group));
  await tx.insertAll(
    'groupMember',
    added.map((group) => ({ org, group, membership: id, source: 'manual' as const })),
  );
  for (const group of removed) await tx.remove('groupMember', org, { group, membership: id });
  if (added.length > 0 || removed.length > 0) {
    audit(tx, member, 'update', { field: 'groups', before: { removed }, after: { added } });
  }
}

async function revoke(
  tx: Tx,
  member: Membership,
  kinds: readonly CredentialKind[],
  kept?: number,
): Promise<void> {
  const held = await tx.find('credential', member.org, {
    ownerKind: 'membership',
    owner: member.id,
    kind: kinds,
    revokedAt: null,
  });
  for (const { id } of held) {
    if (id !== kept) await tx.update('credential', member.org, id, { revokedAt: tx.now });
  }
}

function audit(
  tx: Tx,
  member: Membership,
  verb: 'create' | 'update',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(member.org, {
    verb,
    objectKind: 'membership',
    objectId: member.id,
    objectName: loginName(member),
    ...change,
  });
}
