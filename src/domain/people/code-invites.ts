/**
 * Invitations that are answered with a short code, for the dialect that shows one. A code is made from a key of the
 * installation and never stored; it opens only invitations that were made in that dialect, is void after five wrong tries,
 * and is shown only to whoever may invite. The invitation itself is that of every dialect.
 *
 * Errors of all that take an actor: `forbidden` (with the reason in `details.reason`), `invalid`, `not_found`.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import { DAY } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { GroupNetworkRole } from '../groups/group-network-roles.ts';
import { type GroupRef, resolveGroups } from '../groups/network-groups.ts';
import { type HeldRole, heldRolesOf } from '../groups/network-role-reads.ts';
import { groupsOfRoles } from '../groups/role-groups.ts';
import { queueMail } from '../mail/mail-bounds.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Group, Invitation, Membership, Role } from '../model/people.ts';
import type { KeyedTexts } from '../ports/keyed-texts.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { acceptInvitation, type OpenInvitation } from './invitation-acceptance.ts';
import { countTry, MAX_TRIES } from './invite-link.ts';
import { insertInvited, requireManualUsers } from './invited-member.ts';
import { memberByName } from './member-by-name.ts';
import { checkEmail } from './member-rules.ts';
import type { MemberService } from './member-service.ts';
import { setOrganizationPassword } from './organization-password.ts';
import { requireManages } from './role-rules.ts';
import { requireMayGive } from './user-account-rules.ts';
import { writeGroups } from './user-account-writes.ts';

export interface CodeInvite {
  readonly invitation: Invitation;
  /** Undefined for a link that anybody may use: it has made no member yet. */
  readonly member: Membership | undefined;
  readonly role: Role;
  readonly groups: readonly Group[];
  /** What those groups hold on networks. */
  readonly networkRoles: readonly HeldRole[];
  /** '' where it is not the actor's to see, or opens nothing. */
  readonly code: string;
}

export interface CodeInvites {
  /** All or none; those who have joined are passed over, those invited before get the new role, groups and code. */
  create(
    actor: Actor,
    emails: readonly string[],
    input: {
      readonly role: Role;
      readonly groups: readonly GroupRef[];
      /** Given through groups, as all roles on networks are. */
      readonly networkRoles: readonly GroupNetworkRole[];
    },
    origin: AuditOrigin,
  ): Promise<void>;
  /** Open ones, whatever dialect they were made in. Requires `invitations:read`. */
  list(actor: Actor): Promise<readonly CodeInvite[]>;
  /** Whether the code opens an invitation of that address. Counts wrong tries. */
  verify(org: number, email: string, code: string): Promise<boolean>;
  /** Undefined when the code opens nothing. Uses the invitation up. */
  accept(org: number, email: string, code: string, password: string): Promise<Membership | undefined>;
  /** No change for an address that is not invited. */
  revoke(actor: Actor, email: string, origin: AuditOrigin): Promise<void>;
  revokeAll(actor: Actor, origin: AuditOrigin): Promise<void>;
}

export interface CodeInvitesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: KeyedTexts;
  readonly members: Pick<MemberService, 'revokeInvitation' | 'revokeInvitations'>;
  readonly hashPassword: (password: string) => Promise<string>;
}

const CODE_LENGTH = 8;
const MAX_AT_ONCE = 100;
const MAX_ROLES = 50;
/** A role and a group that hold it are made where a network has none yet. */
const IDS_A_ROLE = 2;
const MAX_LISTED = 10_000;
const IDS_A_PERSON = 8;
const SPARE_IDS = 64;

export function createCodeInvites(parts: CodeInvitesParts): CodeInvites {
  const { store, clock, random, keyedTexts, members, hashPassword } = parts;
  const codeOf = ({ org, id, epoch }: Invitation): string =>
    keyedTexts.code('invitation', CODE_LENGTH, [org, id, epoch]);
  const opens = (invitation: Invitation, now: number): boolean =>
    invitation.madeBy === 'netmaker' &&
    invitation.status === 'pending' &&
    invitation.expiresAt > now &&
    invitation.tries < MAX_TRIES;

  /** The invitation of an address whose code this is. `wrong`: there is one, and this is not its code. */
  const find = async (
    reader: Pick<Reader, 'find' | 'get'>,
    org: number,
    email: string,
    code: string,
    now: number,
  ): Promise<{ readonly open?: OpenInvitation; readonly wrong?: Invitation }> => {
    const openKey = normalizeKey(email);
    const [invitation] = openKey === '' ? [] : await reader.find('invitation', org, { openKey }, 1);
    if (invitation === undefined || !opens(invitation, now) || invitation.membership === null) return {};
    const [given, right] = [Buffer.from(code.toUpperCase()), Buffer.from(codeOf(invitation))];
    if (given.length !== right.length || !timingSafeEqual(given, right)) return { wrong: invitation };
    const member = await reader.get('membership', org, invitation.membership);
    const waits = member !== undefined && member.joinedAt === null && member.suspendedAt === null;
    return waits ? { open: { invitation, member } } : {};
  };
  const invite = async (
    tx: Tx,
    actor: Actor,
    email: string,
    role: Role,
    groups: readonly number[],
    days: number,
  ): Promise<void> => {
    const { org } = actor;
    const key = normalizeKey(email);
    const known = await memberByName(tx, org, email);
    if (known === undefined) {
      const made = await insertInvited(
        tx,
        random,
        actor,
        { email, role, madeBy: 'netmaker', send: true },
        days,
      );
      await writeGroups(tx, actor, made.member, groups);
      auditInvite(tx, made.invitation, 'create', { role });
      return;
    }
    const [open] = await tx.find('invitation', org, { openKey: key }, 1);
    if (known.joinedAt !== null || open === undefined) return;
    requireManages(actor, known.role);
    await tx.update('membership', org, known.id, { role });
    await writeGroups(tx, actor, known, groups);
    // Where the address has had its mails there is a new code all the same, which is shown to whoever invites.
    const wait = await queueMail(tx, org, email, { template: 'invitation', invitation: open.id });
    const renewed = await tx.update('invitation', org, open.id, {
      madeBy: 'netmaker',
      epoch: open.epoch + 1,
      tries: 0,
      tokenHash: null,
      expiresAt: tx.now + days * DAY,
      ...(wait === 0 ? { lastSentAt: tx.now } : {}),
    });
    auditInvite(tx, renewed, 'resend', { role });
  };

  const listOpen = (org: number): Promise<Invitation[]> =>
    store.list('invitation', org, {
      where: { status: 'pending' },
      filters: [{ column: 'expiresAt', operator: '>', value: clock.now() }],
      limit: MAX_LISTED,
    });

  return {
    create: async (actor, given, { role, groups, networkRoles }, origin) => {
      authorize(actor, 'members:write');
      authorize(actor, 'invitations:write');
      if (given.length > MAX_AT_ONCE) {
        throw new AppError('too_large', `at most ${MAX_AT_ONCE} people can be invited at once`);
      }
      if (networkRoles.length > MAX_ROLES) {
        throw new AppError('too_large', `at most ${MAX_ROLES} network roles can be given at once`);
      }
      requireMayGive(actor, role);
      const emails = [...new Set(given.map((email) => checkEmail(email, 'user_emails').toLowerCase()))];
      const { invitation_days: days, manual_users: manual } = await readSettings(store, actor.org);
      const context = {
        ...contextOf(
          actor,
          origin,
          emails.length * IDS_A_PERSON + networkRoles.length * IDS_A_ROLE + SPARE_IDS,
        ),
        orgs: [INSTALLATION, actor.org],
      };
      await store.write(context, async (tx) => {
        await requireManualUsers(tx, actor.org, manual);
        const named = await resolveGroups(tx, actor, groups);
        const ids = [...new Set([...named, ...(await groupsOfRoles(tx, actor, networkRoles))])];
        for (const email of emails) await invite(tx, actor, email, role, ids, days);
      });
    },

    list: async (actor) => {
      authorize(actor, 'invitations:read');
      const { org } = actor;
      const open = await listOpen(org);
      const ids = open.flatMap(({ membership }) => membership ?? []);
      const people = new Map((await store.find('membership', org, { id: ids })).map((one) => [one.id, one]));
      const places = await store.find('groupMember', org, { membership: ids }, MAX_LISTED);
      const groupIds = [...new Set(places.map(({ group }) => group))];
      const groups = new Map((await store.find('group', org, { id: groupIds })).map((one) => [one.id, one]));
      const held = await heldRolesOf(store, org, groupIds);
      const byMember = Map.groupBy(places, ({ membership }) => membership);
      const maySee = actor.permissions.has('invitations:write');
      const now = clock.now();
      return open.map((invitation) => {
        const member = people.get(invitation.membership ?? 0);
        const role = member?.role ?? invitation.role ?? 'member';
        const groupsOfMember = (byMember.get(member?.id ?? 0) ?? []).flatMap(
          ({ group }) => groups.get(group) ?? [],
        );
        return {
          invitation,
          member,
          role,
          groups: groupsOfMember,
          networkRoles: groupsOfMember.flatMap(({ id }) => held.get(id) ?? []),
          code: maySee && opens(invitation, now) && mayUse(actor, role) ? codeOf(invitation) : '',
        };
      });
    },

    verify: async (org, email, code) => {
      const { open, wrong } = await find(store, org, email, code, clock.now());
      if (wrong !== undefined) await countTry(store, wrong);
      return open !== undefined;
    },

    accept: async (org, email, code, password) => {
      const { open, wrong } = await find(store, org, email, code, clock.now());
      if (wrong !== undefined) await countTry(store, wrong);
      // Hashing is dear: only whoever has a code may ask for it.
      if (open === undefined) return undefined;
      const secretHash = await hashPassword(password);
      const by = { kind: 'membership', id: String(open.member.id), name: email } as const;
      const context = { orgs: [INSTALLATION, org], by, origin: 'netmaker-api' } as const;
      return store.write(context, async (tx) => {
        const present = (await find(tx, org, email, code, tx.now)).open;
        if (present === undefined) return undefined;
        const member = await acceptInvitation(tx, present.member, present.invitation);
        await setOrganizationPassword(tx, member, secretHash);
        return member;
      });
    },

    revoke: async (actor, email, origin) => {
      authorize(actor, 'invitations:write');
      const { org } = actor;
      const [open] = await store.find('invitation', org, { openKey: normalizeKey(email) }, 1);
      const id = open?.id ?? linkId(email);
      const found = id === undefined ? undefined : await store.get('invitation', org, id);
      if (found?.status === 'pending') await members.revokeInvitation(actor, found.id, origin);
    },

    revokeAll: (actor, origin) => members.revokeInvitations(actor, origin),
  };
}

/** A code makes its bearer what was invited: nobody sees one for more than they could give themselves. */
function mayUse(actor: Actor, role: Role): boolean {
  try {
    requireMayGive(actor, role);
    return true;
  } catch {
    return false;
  }
}

const LINK = /^link-([1-9]\d{0,15})@invite\.invalid$/u;
/** How an invitation without an address is called; nothing is ever sent there. */
export const linkAddress = (id: number): string => `link-${id}@invite.invalid`;
const linkId = (email: string): number | undefined => {
  const [, digits] = LINK.exec(email) ?? [];
  return digits === undefined ? undefined : Number(digits);
};

function auditInvite(tx: Tx, invitation: Invitation, verb: 'create' | 'resend', after: unknown): void {
  tx.audit(invitation.org, {
    verb,
    objectKind: 'invitation',
    objectId: invitation.id,
    objectName: invitation.email ?? linkAddress(invitation.id),
    after,
  });
}
