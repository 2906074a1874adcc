/**
 * What there is to allow, and which role has it: the one table behind every dialect. Its core is the role matrix of the
 * Tailscale console (roles as columns there); the rest extends it to the words that the other dialects have.
 */
import type { Role } from '../model/people.ts';

export const PERMISSIONS = [
  'organization:read',
  'organization:write',
  'organization:delete',
  /** See and make organizations beside one's own, where the installation allows it. */
  'organizations:read',
  'organizations:write',
  'members:read',
  'members:write',
  /** Grant, change or remove administrators. */
  'members:manage-admins',
  'groups:read',
  'groups:write',
  'invitations:read',
  'invitations:write',
  'devices:read',
  'devices:write',
  'routes:read',
  'routes:write',
  'attributes:read',
  'attributes:write',
  'shares:read',
  'shares:write',
  'services:read',
  'services:write',
  'policy:read',
  'policy:write',
  /** Use a tag without owning it in the policy file. */
  'tags:use-any',
  'dns:read',
  'dns:write',
  'settings:read',
  'network-settings:read',
  'network-settings:write',
  'feature-settings:write',
  'contacts:read',
  'contacts:write',
  'auth-keys:read',
  'auth-keys:write',
  'api-tokens:read',
  'api-tokens:write',
  'oauth-clients:read',
  'oauth-clients:write',
  'federated-identities:read',
  'federated-identities:write',
  'oauth-apps:read',
  'oauth-apps:write',
  'service-accounts:read',
  'service-accounts:write',
  'networks:read',
  'networks:write',
  'access:read',
  'access:write',
  'access:review',
  'sso:read',
  'sso:write',
  'webhooks:read',
  'webhooks:write',
  'posture-integrations:read',
  'posture-integrations:write',
  'audit:read',
  'flow-logs:read',
  /** Switch the collection of flow logs on and off. */
  'flow-logs:write',
  'log-streams:read',
  'log-streams:write',
  'billing:read',
  'billing:write',
  /** A person's own profile, devices, sessions, tokens and requests. */
  'self:read',
  'self:write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const SELF: readonly Permission[] = ['self:read', 'self:write'];
const EVERY_READ: readonly Permission[] = PERMISSIONS.filter((name) => name.endsWith(':read'));
const KEYS: readonly Permission[] = [
  'auth-keys:write',
  'api-tokens:write',
  'oauth-clients:write',
  'federated-identities:write',
  'oauth-apps:write',
  'webhooks:write',
];
const BILLING: readonly Permission[] = ['billing:read', 'billing:write'];
const READS_BUT_BILLING = EVERY_READ.filter((name) => name !== 'billing:read');

const ALL_BUT_OWNERS: readonly Permission[] = PERMISSIONS.filter((name) => name !== 'organization:delete');

const IT_ADMIN: readonly Permission[] = [
  ...READS_BUT_BILLING,
  ...KEYS,
  'self:write',
  'organization:write',
  'members:write',
  'members:manage-admins',
  'groups:write',
  'invitations:write',
  'devices:write',
  'attributes:write',
  'shares:write',
  'feature-settings:write',
  'contacts:write',
  'service-accounts:write',
  'access:write',
  'access:review',
  'sso:write',
  'posture-integrations:write',
  'log-streams:write',
];

const NETWORK_ADMIN: readonly Permission[] = [
  ...READS_BUT_BILLING,
  ...KEYS,
  'self:write',
  'groups:write',
  'routes:write',
  'attributes:write',
  'services:write',
  'policy:write',
  'tags:use-any',
  'dns:write',
  'network-settings:write',
  'flow-logs:write',
  'networks:write',
  'access:write',
  'access:review',
  'log-streams:write',
];

const ROLE_PERMISSIONS: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  owner: new Set(PERMISSIONS),
  admin: new Set(ALL_BUT_OWNERS),
  'it-admin': new Set(IT_ADMIN),
  'network-admin': new Set(NETWORK_ADMIN),
  support: new Set([...READS_BUT_BILLING, ...SELF]),
  'access-reviewer': new Set([
    ...SELF,
    'organization:read',
    'members:read',
    'groups:read',
    'networks:read',
    'access:read',
    'access:review',
  ]),
  'billing-admin': new Set([...READS_BUT_BILLING, ...SELF, ...BILLING]),
  auditor: new Set([...READS_BUT_BILLING, ...SELF]),
  member: new Set([...SELF, 'organization:read']),
  'device-user': new Set(['self:read', 'organization:read']),
};

export const permissionsOfRole = (role: Role): ReadonlySet<Permission> => ROLE_PERMISSIONS[role];

/** Whether whoever holds `actor` may give or take `target`: nobody hands out power that they lack. */
export function roleCovers(actor: Role, target: Role): boolean {
  const own = ROLE_PERMISSIONS[actor];
  return [...ROLE_PERMISSIONS[target]].every((permission) => own.has(permission));
}

/** Roles whose holders administrate people or credentials. */
export const ADMINISTRATIVE_ROLES: ReadonlySet<Role> = new Set(['owner', 'admin', 'it-admin']);
