/** Who is asking. An actor belongs to one organization and can do nothing in another. */
import type { CredentialKind } from '../model/credentials.ts';
import type { AuditOrigin, By } from '../model/operations.ts';
import type { Role } from '../model/people.ts';
import type { WriteContext } from '../ports/store.ts';
import { type Permission, permissionsOfRole } from './permissions.ts';
import { permissionsOfScopes } from './scopes.ts';

export interface ActorCredential {
  readonly id: number;
  readonly kind: CredentialKind;
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
}

export type Actor =
  | {
      readonly kind: 'member';
      readonly org: number;
      readonly membership: number;
      readonly name: string;
      readonly role: Role;
      readonly credential: ActorCredential | null;
      readonly permissions: ReadonlySet<Permission>;
    }
  | {
      readonly kind: 'service-account';
      readonly org: number;
      readonly serviceAccount: number;
      readonly name: string;
      readonly credential: ActorCredential;
      readonly permissions: ReadonlySet<Permission>;
    }
  /** An OAuth client or a federated identity: it belongs to the organization, not to a person. */
  | {
      readonly kind: 'client';
      readonly org: number;
      readonly name: string;
      /** What it does is remembered by its own id: a token of it lasts an hour, and the next has another. */
      readonly client: number;
      readonly credential: ActorCredential;
      readonly permissions: ReadonlySet<Permission>;
    }
  /** The program itself, and whoever runs its commands on the machine. */
  | {
      readonly kind: 'system';
      readonly org: number;
      readonly name: string;
      readonly permissions: ReadonlySet<Permission>;
    };

/** What a member may do with a credential: what the role allows and the scopes leave. A person's own things need no scope. */
export function memberPermissions(role: Role, scopes: readonly string[] | null): ReadonlySet<Permission> {
  const own = permissionsOfRole(role);
  if (scopes === null || scopes.includes('all')) return own;
  const scoped = permissionsOfScopes(scopes);
  return new Set([...own].filter((permission) => scoped.has(permission)));
}

export function byOf(actor: Actor): By {
  switch (actor.kind) {
    case 'member':
      return { kind: 'membership', id: String(actor.membership), name: actor.name };
    case 'service-account':
      return { kind: 'service_account', id: String(actor.serviceAccount), name: actor.name };
    case 'client':
      return { kind: 'credential', id: String(actor.client), name: actor.name };
    case 'system':
      return { kind: 'system', id: '', name: actor.name };
  }
}

/** The columns that record on a row who made it. */
export interface ByColumns {
  readonly byKind: string;
  readonly byId: string;
  readonly byName: string;
}

export const columnsOfBy = ({ kind, id, name }: By): ByColumns => ({ byKind: kind, byId: id, byName: name });

export const byColumnsOf = (actor: Actor): ByColumns => columnsOfBy(byOf(actor));

/** The context of a write to the actor's own organization. */
export const contextOf = (actor: Actor, origin: AuditOrigin, ids?: number): WriteContext => ({
  orgs: [actor.org],
  by: byOf(actor),
  origin,
  ...(ids === undefined ? {} : { ids }),
});
