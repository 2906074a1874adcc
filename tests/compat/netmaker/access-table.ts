/**
 * Who may call what, transcribed from the contract (§3, §5.0) with its decisions: SELF and SELF-OR-ADMIN, auditors read,
 * nobody below an administrator writes but for themselves. The path's `username` is another person's.
 */
type Platform = 'super-admin' | 'admin' | 'platform-user' | 'service-user' | 'auditor';

export const PLATFORM: readonly Platform[] = [
  'super-admin',
  'admin',
  'platform-user',
  'service-user',
  'auditor',
];

const ADMIN: readonly Platform[] = ['super-admin', 'admin'];
const READERS: readonly Platform[] = [...ADMIN, 'auditor'];
/** About oneself alone: for another's name everybody is refused. */
const SELF: readonly Platform[] = [];
const EVERYBODY: readonly Platform[] = PLATFORM;

export interface AccessLine {
  readonly operation: string;
  readonly who: readonly Platform[] | 'public';
}

const U = '/api/users/:username';
const V1 = '/api/v1/users';

export const ACCESS: readonly AccessLine[] = [
  { operation: 'POST /api/users/adm/authenticate', who: 'public' },
  { operation: 'GET /api/users/adm/hassuperadmin', who: 'public' },
  { operation: 'GET /api/users/adm/hasadmin', who: 'public' },
  { operation: 'POST /api/users/adm/createsuperadmin', who: 'public' },
  { operation: 'GET /api/oauth/login', who: 'public' },
  { operation: 'GET /api/oauth/callback', who: 'public' },
  { operation: 'GET /api/oauth/register/:link', who: 'public' },
  { operation: 'POST /api/oauth/register/:link', who: 'public' },
  { operation: `GET ${V1}/invite`, who: 'public' },
  { operation: `POST ${V1}/invite-signup`, who: 'public' },
  // It asks for what a password bought, and has words of its own for whoever has nothing.
  { operation: `POST ${U}/auth/verify-totp`, who: 'public' },
  { operation: 'GET /api/server/status', who: 'public' },
  { operation: 'GET /api/server/health', who: 'public' },
  { operation: 'GET /api/server/feature_flags', who: 'public' },

  { operation: 'GET /api/server/getconfig', who: EVERYBODY },
  { operation: 'GET /api/server/settings', who: EVERYBODY },
  { operation: 'PUT /api/server/settings', who: ADMIN },
  { operation: 'GET /api/v1/enrollment-keys', who: READERS },
  { operation: 'GET /api/v1/tags', who: READERS },
  { operation: 'GET /api/v1/acls', who: READERS },
  { operation: 'GET /api/server/getserverinfo', who: READERS },
  { operation: 'GET /api/server/usage', who: READERS },

  { operation: 'GET /api/users', who: READERS },
  { operation: 'GET /api/v2/users', who: READERS },
  { operation: 'GET /api/v2/users/groups', who: READERS },
  { operation: `GET ${U}`, who: READERS },
  { operation: `GET ${V1}`, who: READERS },
  { operation: `POST ${U}`, who: ADMIN },
  { operation: `PUT ${U}`, who: ADMIN },
  { operation: `DELETE ${U}`, who: ADMIN },
  { operation: `POST ${U}/disable`, who: ADMIN },
  { operation: `POST ${U}/enable`, who: ADMIN },
  { operation: `DELETE ${V1}/bulk`, who: ADMIN },
  { operation: `POST ${V1}/bulk/status`, who: ADMIN },
  { operation: 'POST /api/users/adm/transfersuperadmin/:username', who: ['super-admin'] },

  { operation: `GET ${U}/settings`, who: SELF },
  { operation: `PUT ${U}/settings`, who: SELF },
  { operation: `POST ${U}/validate-identity`, who: SELF },
  { operation: `POST ${U}/auth/init-totp`, who: SELF },
  { operation: `POST ${U}/auth/complete-totp`, who: SELF },
  { operation: `POST ${V1}/logout`, who: SELF },

  { operation: `GET ${V1}/access_token`, who: READERS },
  { operation: `POST ${V1}/access_token`, who: ADMIN },
  { operation: `DELETE ${V1}/access_token`, who: ADMIN },

  { operation: 'GET /api/users_pending', who: READERS },
  { operation: 'DELETE /api/users_pending', who: ADMIN },
  { operation: 'POST /api/users_pending/user/:username', who: ADMIN },
  { operation: 'DELETE /api/users_pending/user/:username', who: ADMIN },

  { operation: `GET ${V1}/invites`, who: READERS },
  { operation: `POST ${V1}/invite`, who: ADMIN },
  { operation: `DELETE ${V1}/invite`, who: ADMIN },
  { operation: `DELETE ${V1}/invites`, who: ADMIN },

  { operation: `GET ${V1}/groups`, who: READERS },
  { operation: `GET ${V1}/groups/network`, who: READERS },
  { operation: `GET ${V1}/group`, who: READERS },
  { operation: `POST ${V1}/group`, who: ADMIN },
  { operation: `PUT ${V1}/group`, who: ADMIN },
  { operation: `DELETE ${V1}/group`, who: ADMIN },
  { operation: `GET ${V1}/roles`, who: READERS },
  { operation: `GET ${V1}/role`, who: READERS },
  { operation: `POST ${V1}/role`, who: ADMIN },
  { operation: `PUT ${V1}/role`, who: ADMIN },
  { operation: `DELETE ${V1}/role`, who: ADMIN },

  { operation: 'GET /api/v1/user/activity', who: READERS },
  { operation: 'GET /api/v1/network/activity', who: READERS },
  { operation: 'GET /api/v1/activity', who: READERS },
];
