/** Who may see or revoke which key: the family's permission, or the key being one's own. */
import type { Actor } from '../access/actor.ts';
import { decide } from '../access/authorize.ts';
import { roleCovers } from '../access/permissions.ts';
import type { Credential } from '../model/credentials.ts';
import type { Reader } from '../ports/store.ts';
import { FAMILY_PERMISSIONS, familyOf } from './kinds.ts';

const isOwn = (actor: Actor, key: Credential): boolean =>
  actor.kind === 'member' && key.ownerKind === 'membership' && key.owner === actor.membership;

/** Every token may read itself. */
export function mayRead(actor: Actor, key: Credential): boolean {
  if (actor.kind !== 'system' && actor.credential?.id === key.id) return true;
  const family = familyOf(key.kind);
  if (family === undefined) return false;
  if (decide(actor, FAMILY_PERMISSIONS[family].read) === undefined) return true;
  return isOwn(actor, key) && decide(actor, 'self:read') === undefined;
}

export async function mayRevoke(
  reader: Pick<Reader, 'get'>,
  actor: Actor,
  key: Credential,
): Promise<boolean> {
  const family = familyOf(key.kind);
  if (family === undefined) return false;
  if (isOwn(actor, key) && decide(actor, 'self:write') === undefined) return true;
  if (decide(actor, FAMILY_PERMISSIONS[family].write) !== undefined) return false;
  if (family !== 'api' || key.ownerKind !== 'membership' || actor.kind !== 'member') return true;
  // A token is its owner's power: nobody takes it from somebody who has more than they have.
  const owner = await reader.get('membership', key.org, key.owner);
  return owner === undefined || roleCovers(actor.role, owner.role);
}
