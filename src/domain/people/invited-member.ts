/** Somebody is invited: the account to be, the member who has not joined, and the invitation, all at once. */
import { DAY } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, byColumnsOf } from '../access/actor.ts';
import type { Invitation, Membership, Role } from '../model/people.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';

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
  const account = await tx.insert('account', {
    org: INSTALLATION,
    id: tx.newId(),
    claimed: false,
    createdAt: tx.now,
  });
  tx.audit(INSTALLATION, {
    verb: 'create',
    objectKind: 'account',
    objectId: account.id,
    objectName: email,
  });
  const member = await tx.insert('membership', {
    org,
    id: tx.newId(),
    nano: randomNanoId(random),
    account: account.id,
    username: email,
    usernameKey: normalizeKey(email),
    email,
    emailKey: normalizeKey(email),
    displayName: null,
    givenName: input.givenName ?? null,
    familyName: input.familyName ?? null,
    avatarUrl: null,
    role: input.role,
    createdAt: tx.now,
    joinedAt: null,
    approvedAt: null,
    suspendedAt: null,
    keepClients: false,
    managedBy: 'none',
    externalId: null,
    ...byColumnsOf(actor),
  });
  const invitation = await tx.insert('invitation', {
    org,
    id: tx.newId(),
    nano: randomNanoId(random),
    email,
    openKey: normalizeKey(email),
    membership: member.id,
    role: null,
    groups: [],
    madeBy: input.madeBy,
    // Made when the mail is: nothing but its hash is ever stored.
    tokenHash: null,
    epoch: 1,
    tries: 0,
    status: 'pending',
    createdAt: tx.now,
    expiresAt: tx.now + days * DAY,
    lastSentAt: null,
    acceptedBy: null,
    ...byColumnsOf(actor),
  });
  if (input.send) {
    tx.enqueue(org, {
      kind: 'mail',
      target: email,
      payload: { template: 'invitation', invitation: invitation.id },
    });
  }
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

export async function requireFreeAddress(tx: Tx, org: number, key: string): Promise<void> {
  const [byEmail] = await tx.find('membership', org, { emailKey: key }, 1);
  const [byName] = await tx.find('membership', org, { usernameKey: key }, 1);
  const [open] = await tx.find('invitation', org, { openKey: key }, 1);
  if (byEmail !== undefined || byName !== undefined || open !== undefined) {
    throw new AppError('taken', 'a user with this e-mail address already exists', { field: 'email' });
  }
}
