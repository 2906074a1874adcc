/**
 * Scopes narrow a credential to a part of what its holder may do. The names are those of the Tailscale API; names that it
 * has no word for follow its form. A write scope holds its read scope; `all` holds everything, `all:read` every read.
 */
import { PERMISSIONS, type Permission } from './permissions.ts';

const READS: readonly Permission[] = PERMISSIONS.filter((name) => name.endsWith(':read'));

/** What each scope adds when it may write, and what its `:read` form adds. */
const SCOPE_TABLE = {
  'devices:core': { read: ['devices:read'], write: ['devices:write'] },
  'devices:routes': { read: ['routes:read'], write: ['routes:write'] },
  'devices:posture_attributes': { read: ['attributes:read'], write: ['attributes:write'] },
  device_invites: { read: ['shares:read'], write: ['shares:write'] },
  auth_keys: { read: ['auth-keys:read'], write: ['auth-keys:write'] },
  oauth_keys: { read: ['oauth-clients:read'], write: ['oauth-clients:write'] },
  federated_keys: { read: ['federated-identities:read'], write: ['federated-identities:write'] },
  api_access_tokens: { read: ['api-tokens:read'], write: ['api-tokens:write'] },
  oauth_apps: { read: ['oauth-apps:read'], write: ['oauth-apps:write'] },
  policy_file: { read: ['policy:read'], write: ['policy:write', 'tags:use-any'] },
  dns: { read: ['dns:read'], write: ['dns:write'] },
  users: { read: ['members:read', 'invitations:read'], write: ['members:write', 'invitations:write'] },
  account_settings: { read: ['contacts:read'], write: ['contacts:write'] },
  feature_settings: {
    read: ['settings:read', 'posture-integrations:read'],
    write: ['feature-settings:write', 'posture-integrations:write'],
  },
  networking_settings: { read: ['network-settings:read'], write: ['network-settings:write'] },
  'logs:network': { read: ['flow-logs:read'], write: ['flow-logs:write'] },
  'logs:configuration': { read: ['audit:read'], write: [] },
  log_streaming: { read: ['log-streams:read'], write: ['log-streams:write'] },
  webhooks: { read: ['webhooks:read'], write: ['webhooks:write'] },
  services: { read: ['services:read'], write: ['services:write'] },
  tailnets: { read: ['organizations:read'], write: ['organizations:write'] },
  networks: { read: ['networks:read'], write: ['networks:write'] },
  access: { read: ['access:read'], write: ['access:write', 'access:review'] },
  groups: { read: ['groups:read'], write: ['groups:write'] },
  members: {
    read: ['members:read', 'invitations:read', 'organization:read'],
    write: ['members:write', 'members:manage-admins', 'invitations:write', 'organization:write'],
  },
  service_accounts: { read: ['service-accounts:read'], write: ['service-accounts:write'] },
  sso: { read: ['sso:read'], write: ['sso:write'] },
} as const satisfies Readonly<Record<string, { read: readonly Permission[]; write: readonly Permission[] }>>;

type ScopeName = keyof typeof SCOPE_TABLE;

/** Names from before scopes were split, still valid on old clients. */
const LEGACY: Readonly<Record<string, readonly ScopeName[]>> = {
  acl: ['policy_file', 'devices:posture_attributes'],
  devices: ['devices:core', 'devices:posture_attributes'],
  routes: ['devices:routes'],
  logs: ['logs:configuration'],
  'network-logs': ['logs:network'],
};

const isScopeName = (name: string): name is ScopeName => Object.hasOwn(SCOPE_TABLE, name);

function permissionsOf(scope: string): readonly Permission[] | undefined {
  if (scope === 'all') return PERMISSIONS;
  if (scope === 'all:read') return READS;
  const readOnly = scope.endsWith(':read');
  const base = readOnly ? scope.slice(0, -':read'.length) : scope;
  const former = Object.hasOwn(LEGACY, base) ? LEGACY[base] : undefined;
  const names = isScopeName(base) ? [base] : former;
  if (names === undefined) return undefined;
  return names.flatMap((name) => {
    const { read, write } = SCOPE_TABLE[name];
    return readOnly ? [...read] : [...read, ...write];
  });
}

export const isScope = (scope: string): boolean => permissionsOf(scope) !== undefined;

/** Everything that a list of scopes allows; unknown names allow nothing. */
export function permissionsOfScopes(scopes: readonly string[]): ReadonlySet<Permission> {
  return new Set(scopes.flatMap((scope) => permissionsOf(scope) ?? []));
}

/** Whether `held` allows all that `wanted` allows. */
export function scopesCover(held: readonly string[], wanted: readonly string[]): boolean {
  const own = permissionsOfScopes(held);
  return [...permissionsOfScopes(wanted)].every((permission) => own.has(permission));
}

/** What both lists allow, in words of either: where a client was given less, its tokens of before hold what it has still. */
export const commonScopes = (a: readonly string[], b: readonly string[]): readonly string[] => [
  ...new Set([
    ...a.filter((scope) => scopesCover(b, [scope])),
    ...b.filter((scope) => scopesCover(a, [scope])),
  ]),
];
