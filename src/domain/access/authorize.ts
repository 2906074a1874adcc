import { AppError } from '../../kernel/errors.ts';
import type { Actor } from './actor.ts';
import type { Permission } from './permissions.ts';

/** What an operation asks of its caller. */
export type Requirement =
  /** No credential at all. */
  | 'public'
  /** Any valid credential; the operation looks at the actor itself (own things, own key). */
  | 'authenticated'
  | Permission
  /** One of several, for operations whose need depends on what they are asked for; the service checks the rest. */
  | { readonly anyOf: readonly Permission[] }
  /** Several at once, for operations on what lies between two kinds of things. */
  | { readonly allOf: readonly Permission[] };

export interface Target {
  readonly org: number;
}

/**
 * The one decision about access, default deny. A target of another organization does not exist for the actor, so that an
 * answer never tells whether a foreign id is in use.
 */
export function decide(
  actor: Actor | undefined,
  requirement: Requirement,
  target?: Target,
): AppError | undefined {
  if (requirement === 'public') return undefined;
  if (actor === undefined) return new AppError('unauthenticated', 'a valid credential is required');
  if (target !== undefined && target.org !== actor.org) return new AppError('not_found', 'not found');
  if (requirement === 'authenticated') return undefined;
  const has = (permission: Permission): boolean => actor.permissions.has(permission);
  const isAll = typeof requirement === 'object' && 'allOf' in requirement;
  const wanted =
    typeof requirement === 'string' ? [requirement] : isAll ? requirement.allOf : requirement.anyOf;
  if (isAll ? wanted.every(has) : wanted.some(has)) return undefined;
  return new AppError(
    'forbidden',
    'calling actor does not have enough permissions to perform this function',
    {
      details: { permission: wanted.join(isAll ? ' and ' : ' or ') },
    },
  );
}

/** Throws the refusal, if there is one. */
export function authorize(actor: Actor | undefined, requirement: Requirement, target?: Target): void {
  const refusal = decide(actor, requirement, target);
  if (refusal !== undefined) throw refusal;
}
