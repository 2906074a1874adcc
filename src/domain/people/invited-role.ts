/** The role of somebody who has not joined yet. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { requireRow } from '../directory/missing.ts';
import type { Membership, Role } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { auditMember } from './audit-member.ts';
import { requireManages } from './role-rules.ts';

/** Errors: `conflict` for whom the rules for members hold by now; `forbidden`, `invalid`, `not_found`. */
export async function setInvitedRole(
  tx: Tx,
  actor: Actor,
  id: number,
  role: Role,
  isSame: (present: Role) => boolean,
): Promise<Membership> {
  const member = await requireRow(tx, 'membership', actor.org, id);
  // They joined in the meantime: the caller may try again.
  if (member.joinedAt !== null) throw new AppError('conflict', 'the user joined just now, try again');
  if (isSame(member.role)) return member;
  if (role === 'owner') throw invalid('the new owner must be active', 'role');
  requireManages(actor, member.role);
  requireManages(actor, role);
  const after = await tx.update('membership', actor.org, id, { role });
  auditMember(tx, member, 'update', { field: 'role', before: member.role, after: role });
  return after;
}
