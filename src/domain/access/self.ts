/** A person's own things. */
import { AppError } from '../../kernel/errors.ts';
import type { Actor } from './actor.ts';

type Member = Extract<Actor, { readonly kind: 'member' }>;

/** Whether nothing narrows what the actor may do as who they are. */
export const isWhole = (actor: Member): boolean => actor.credential?.scopes.includes('all') !== false;

/**
 * The actor, who must be a person acting for themselves. What belongs to a person is read with `self:read`; it is changed
 * with nothing less than a credential that stands for them whole, since no scope has a word for it.
 *
 * Errors: `forbidden`.
 */
export function requireSelf(actor: Actor, need: 'self:read' | 'write'): Member {
  const may =
    actor.kind === 'member' && (need === 'write' ? isWhole(actor) : actor.permissions.has('self:read'));
  if (!may) throw new AppError('forbidden', 'forbidden');
  return actor;
}
