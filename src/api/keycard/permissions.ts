/** The permissions map: what the caller may do with a thing, or with a collection, in the words of this API. */
import type { Actor } from '../../domain/access/actor.ts';
import type { Permission } from '../../domain/access/permissions.ts';

const VOCABULARY = {
  organizations: { read: 'organization:read', update: 'organization:write' },
  users: { list: 'members:read', read: 'members:read', update: 'members:write', delete: 'members:write' },
  invitations: { list: 'invitations:read', create: 'invitations:write', delete: 'invitations:write' },
  service_accounts: {
    list: 'service-accounts:read',
    create: 'service-accounts:write',
    read: 'service-accounts:read',
    update: 'service-accounts:write',
    delete: 'service-accounts:write',
  },
  service_account_credentials: {
    list: 'service-accounts:read',
    create: 'service-accounts:write',
    read: 'service-accounts:read',
    update: 'service-accounts:write',
    delete: 'service-accounts:write',
  },
  sso_connection: { read: 'sso:read', create: 'sso:write', update: 'sso:write', delete: 'sso:write' },
  roles: { list: 'organization:read' },
  identities: { list: 'invitations:read' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Permission>>>>;

type ResourceType = keyof typeof VOCABULARY;

export type PermissionsMap = Readonly<Record<string, Readonly<Record<string, boolean>>>>;

/** Denied ones are there and false. `except` denies what the state of the thing forbids, whoever asks. */
export function permissionsOf(
  actor: Actor,
  types: readonly ResourceType[],
  except: readonly string[] = [],
): PermissionsMap {
  return Object.fromEntries(
    types.map((type) => [
      type,
      Object.fromEntries(
        Object.entries(VOCABULARY[type]).map(([name, permission]) => [
          name,
          actor.permissions.has(permission) && !except.includes(name),
        ]),
      ),
    ]),
  );
}
