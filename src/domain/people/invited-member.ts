/** Somebody is invited: the account to be, the member who has not joined, and the invitation, all at once. */
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, byColumnsOf } from '../access/actor.ts';
import { queueMail } from '../mail/mail-bounds.ts';
import type { Invitation, Membership, Role } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import type { Settings } from '../settings/settings.ts';
import { auditInvitation } from './audit-member.ts';
import { memberByName } from './member-by-name.ts';
import { insertInvitation } from './new-invitation.ts';
import { insertAuditedAccount, insertMember } from './new-member.ts';

export interface NewMember {
  readonly email: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly role: Role;
  readonly madeBy: Invitation['madeBy'];
  /** Whether to mail the invitation. */
  readonly send: boolean;
}

/** The rows of an invitation. Checks are the caller's. */
export async function insertInvited(
  tx: Tx,
  random: Random,
  actor: Actor,
  input: NewMember,
  days: number,
): Promise<{ readonly member: Membership; readonly invitation: Invitation }> {
  const { org } = actor;
  const { email } = input;
  const account = await insertAuditedAccount(tx, email, false);
  const member = await insertMember(tx, random, {
    org,
    account: account.id,
    username: email,
    email,
    givenName: input.givenName ?? null,
    familyName: input.familyName ?? null,
    role: input.role,
    ...byColumnsOf(actor),
  });
  const invitation = await insertInvitation(tx, random, actor, {
    email,
    membership: member.id,
    role: null,
    madeBy: input.madeBy,
    days,
  });
  // Made all the same where the address has had its mails: the link may be handed over, or sent later.
  if (input.send) await queueMail(tx, org, email, { template: 'invitation', invitation: invitation.id });
  return { member, invitation };
}

/** The same with its checks of what is there already, and what the audit log says of it. Errors: `conflict`, `taken`. */
export async function addInvited(
  tx: Tx,
  random: Random,
  actor: Actor,
  input: NewMember,
  settings: Pick<Settings, 'invitation_days' | 'manual_users'>,
): Promise<{ readonly member: Membership; readonly invitation: Invitation }> {
  await requireManualUsers(tx, actor.org, settings.manual_users);
  await requireFreeAddress(tx, actor.org, input.email);
  const { member, invitation } = await insertInvited(tx, random, actor, input, settings.invitation_days);
  auditInvitation(tx, member, invitation, 'create', { role: input.role });
  return { member, invitation };
}

/** With a directory, people come from it, unless the organization allows both. */
export async function requireManualUsers(tx: Tx, org: number, allowed: boolean): Promise<void> {
  if (allowed) return;
  const connections = await tx.find('ssoConnection', org, {}, 1);
  if (connections.length > 0) {
    throw new AppError('conflict', 'users of this organization come from its identity provider');
  }
}

export async function requireFreeAddress(tx: Tx, org: number, email: string): Promise<void> {
  const [open] = await tx.find('invitation', org, { openKey: normalizeKey(email) }, 1);
  if (open !== undefined || (await memberByName(tx, org, email)) !== undefined) {
    throw new AppError('taken', 'a user with this e-mail address already exists', { field: 'email' });
  }
}
