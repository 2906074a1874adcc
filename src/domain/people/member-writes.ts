/** What is written when something is done to a member, with its audit event. Whether it may be is the caller's to check. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { revokePersonalTokens, revokeSessions } from '../credentials/held-credentials.ts';
import type { Membership, Role } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { auditMember } from './audit-member.ts';
import { removeMember } from './member-removal.ts';
import { endPasswordLinks } from './password-links.ts';

/** Errors: `forbidden` with reason `owner`: some dialects have a word of their own for an organization's last administrator. */
export function notTheOwner({ role }: Membership): void {
  if (role === 'owner') {
    throw new AppError('forbidden', 'the owner of the organization must hand it over first', {
      details: { reason: 'owner' },
    });
  }
}

/** Errors: `invalid` for whom a directory manages. */
export function requireManual(member: Membership, what: string): void {
  if (member.managedBy === 'directory') {
    throw invalid(`cannot ${what} a user that the identity provider manages`, 'id');
  }
}

export async function approveMember(tx: Tx, member: Membership): Promise<Membership> {
  const after = await tx.update('membership', member.org, member.id, { approvedAt: tx.now });
  auditMember(tx, member, 'approve');
  return after;
}

/** Cuts off their devices, tokens and keys, and ends their sessions. `keepClients`: not their external clients. */
export async function suspendMember(tx: Tx, member: Membership, keepClients = false): Promise<Membership> {
  const after = await tx.update('membership', member.org, member.id, { suspendedAt: tx.now, keepClients });
  await revokeSessions(tx, member.org, member.id);
  auditMember(tx, member, 'suspend');
  return after;
}

/** All is back but the sessions. */
export async function restoreMember(tx: Tx, member: Membership): Promise<Membership> {
  const after = await tx.update('membership', member.org, member.id, {
    suspendedAt: null,
    keepClients: false,
  });
  auditMember(tx, member, 'restore');
  return after;
}

export async function deleteMember(
  tx: Tx,
  member: Membership,
  options?: { readonly keepClients: boolean },
): Promise<void> {
  await removeMember(tx, member, options);
  auditMember(tx, member, 'delete');
}

export async function writeRole(tx: Tx, member: Membership, role: Role): Promise<Membership> {
  const after = await tx.update('membership', member.org, member.id, { role });
  await revokePersonalTokens(tx, member.org, [member.id]);
  await endPasswordLinks(tx, member);
  auditMember(tx, member, 'update', { field: 'role', before: member.role, after: role });
  return after;
}
