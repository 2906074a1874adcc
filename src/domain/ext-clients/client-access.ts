/** Who may do what with external clients: whoever writes networks with all of them, a member with the own ones. */
import { AppError } from '../../kernel/errors.ts';
import { type Actor, byOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { ExtClient } from '../model/networks.ts';

type ClientOwner = Pick<ExtClient, 'ownerKind' | 'owner'>;

export const ownerOfNew = (actor: Actor): ClientOwner =>
  actor.kind === 'member'
    ? { ownerKind: 'membership', owner: actor.membership }
    : // Machines are no owners of things in a network.
      { ownerKind: 'organization', owner: 0 };

const isOwnClient = (actor: Actor, client: ClientOwner): boolean =>
  actor.kind === 'member' && client.ownerKind === 'membership' && client.owner === actor.membership;

/** The secrets of a client are shown to whom it belongs and to whoever made it. */
export function maySeeSecrets(actor: Actor, client: ExtClient): boolean {
  const { kind, id } = byOf(actor);
  return isOwnClient(actor, client) || (kind !== 'system' && client.byKind === kind && client.byId === id);
}

export const mayManageAll = (actor: Actor): boolean => actor.permissions.has('networks:write');

/** A token whose scopes leave out something speaks for less than its person, who alone handles the own clients. */
function speaksForMember(actor: Actor): boolean {
  if (actor.kind !== 'member') return false;
  const { credential } = actor;
  return credential === null || credential.kind === 'session' || credential.scopes.includes('all');
}

export function requireMayWrite(actor: Actor, client: ClientOwner): void {
  if (mayManageAll(actor)) return;
  if (!isOwnClient(actor, client) || !speaksForMember(actor)) authorize(actor, 'networks:write');
}

/** A client of somebody else does not exist for whoever may not read networks. */
export function mayRead(actor: Actor, client: ClientOwner): boolean {
  return actor.permissions.has('networks:read') || isOwnClient(actor, client);
}

export const clientMissing = (): AppError => new AppError('not_found', 'external client not found');
