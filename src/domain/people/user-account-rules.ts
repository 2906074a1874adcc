/** Who may do what to whom, for dialects in which administrators are the owner's alone. */
import type { Actor } from '../access/actor.ts';
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import type { Membership, Role } from '../model/people.ts';
import { requireManages } from './role-rules.ts';
import { refuse } from './user-account-writes.ts';

const isOwner = (actor: Actor): boolean => actor.kind === 'member' && actor.role === 'owner';

/** Whoever is no owner leaves administrators alone. Errors: `forbidden`. */
export function requireMayManage(actor: Actor, member: Membership): void {
  if (!actor.permissions.has('members:write')) throw refuse('not-self');
  if (member.role === 'owner') throw refuse('owner');
  if (ADMINISTRATIVE_ROLES.has(member.role) && !isOwner(actor)) throw refuse('administrator');
  requireManages(actor, member.role);
}

/** Errors: `forbidden`. */
export function requireMayGive(actor: Actor, role: Role): void {
  if (ADMINISTRATIVE_ROLES.has(role) && !isOwner(actor)) throw refuse('administrator-role');
  requireManages(actor, role);
}
