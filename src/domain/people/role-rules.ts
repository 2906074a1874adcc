/**
 * Who may manage whom. Nobody gives, changes or takes power that they lack, with one exception from the role matrix: an IT
 * administrator manages every role but the owner's. A credential that was narrowed manages no administrators.
 */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { ADMINISTRATIVE_ROLES, permissionsOfRole, roleCovers } from '../access/permissions.ts';
import type { Role } from '../model/people.ts';

const REFUSAL = 'calling actor does not have enough permissions to perform this function';

/** Null scopes: a session of the person, which nothing narrows. */
const isWhole = (scopes: readonly string[] | undefined): boolean =>
  scopes === undefined || scopes.includes('all');

/** Whether the actor may give, change or take the role. */
export function manages(actor: Actor, role: Role): boolean {
  switch (actor.kind) {
    case 'system':
      return true;
    case 'member': {
      if (ADMINISTRATIVE_ROLES.has(role) && !isWhole(actor.credential?.scopes)) return false;
      if (actor.role === 'it-admin') return role !== 'owner';
      return roleCovers(actor.role, role);
    }
    case 'client':
    case 'service-account': {
      if (role === 'owner') return false;
      if (ADMINISTRATIVE_ROLES.has(role) && !isWhole(actor.credential.scopes)) return false;
      return [...permissionsOfRole(role)].every(
        (permission) => permission.startsWith('self:') || actor.permissions.has(permission),
      );
    }
  }
}

/** Errors: `forbidden`. */
export function requireManages(actor: Actor, role: Role): void {
  if (!manages(actor, role)) throw new AppError('forbidden', REFUSAL);
}
