/** Roles and scopes of each operation, transcribed from the contract (role matrix §3.2, scope table §1.3). */
import type { Role } from '../../../src/domain/model/people.ts';

export interface AccessLine {
  readonly operation: string;
  readonly roles: readonly Role[] | 'public';
  readonly scopes: readonly string[];
  /** It takes away what the other lines need, so it has tests of its own. */
  readonly apart?: true;
}

/** "admin console; read policy, network config, feature config, machines, users, audit logs": all but members. */
const READERS: readonly Role[] = ['owner', 'admin', 'network-admin', 'it-admin', 'billing-admin', 'auditor'];
/** "write machines (approve, rename, remove)". */
const MACHINES: readonly Role[] = ['owner', 'admin', 'it-admin'];
/** "write network config (DNS, MagicDNS, routes approval, exit node, HTTPS)", "write policy file". */
const NETWORK: readonly Role[] = ['owner', 'admin', 'network-admin'];
/** "generate auth keys; API tokens and OAuth clients; write webhooks". */
const KEYS: readonly Role[] = ['owner', 'admin', 'network-admin', 'it-admin'];
const EVERYBODY: readonly Role[] = [...READERS, 'member'];

const read = (scope: string): readonly string[] => ['all', 'all:read', scope, `${scope}:read`];
const write = (scope: string): readonly string[] => ['all', scope];
const KEY_SCOPES = ['auth_keys', 'oauth_keys', 'federated_keys', 'api_access_tokens'];
/** Operations that look at the key before they decide let everybody ask: an unknown key is unknown to all. */
const ANY_SCOPE = [
  ...['all', 'all:read', 'devices:core', 'devices:core:read', 'devices:routes', 'devices:routes:read'],
  ...['devices:posture_attributes', 'devices:posture_attributes:read', 'auth_keys', 'auth_keys:read'],
  ...['oauth_keys', 'oauth_keys:read', 'federated_keys', 'federated_keys:read', 'api_access_tokens'],
  ...['api_access_tokens:read', 'policy_file', 'policy_file:read', 'dns', 'dns:read', 'users', 'users:read'],
  ...['account_settings', 'account_settings:read', 'feature_settings', 'feature_settings:read'],
  ...['networking_settings', 'networking_settings:read', 'logs:network', 'logs:network:read'],
  ...['logs:configuration:read', 'log_streaming', 'log_streaming:read', 'webhooks', 'webhooks:read'],
  ...['services', 'services:read', 'device_invites', 'device_invites:read', 'oauth_apps', 'oauth_apps:read'],
  ...['tailnets', 'tailnets:read'],
];

const SETTING_SCOPES = ['feature_settings', 'networking_settings', 'policy_file', 'logs:network'];

const T = '/api/v2/tailnet/:tailnet';
const D = '/api/v2/device/:deviceId';

export const ACCESS: readonly AccessLine[] = [
  { operation: 'POST /api/v2/oauth/token', roles: 'public', scopes: [] },
  { operation: 'POST /api/v2/oauth/token-exchange', roles: 'public', scopes: [] },

  { operation: `GET ${T}/devices`, roles: READERS, scopes: read('devices:core') },
  { operation: `GET ${D}`, roles: READERS, scopes: read('devices:core') },
  { operation: `DELETE ${D}`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `POST ${D}/expire`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `GET ${D}/routes`, roles: READERS, scopes: read('devices:routes') },
  { operation: `POST ${D}/routes`, roles: NETWORK, scopes: write('devices:routes') },
  { operation: `POST ${D}/authorized`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `POST ${D}/name`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `POST ${D}/tags`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `POST ${D}/key`, roles: MACHINES, scopes: write('devices:core') },
  { operation: `POST ${D}/ip`, roles: MACHINES, scopes: write('devices:core') },

  {
    operation: `GET ${T}/keys`,
    roles: READERS,
    scopes: ['all', 'all:read', ...KEY_SCOPES.flatMap(read).filter((s) => !s.startsWith('all'))],
  },
  { operation: `POST ${T}/keys`, roles: KEYS, scopes: ['all', ...KEY_SCOPES] },
  { operation: `GET ${T}/keys/:keyId`, roles: EVERYBODY, scopes: ANY_SCOPE },
  { operation: `PUT ${T}/keys/:keyId`, roles: KEYS, scopes: ['all', ...KEY_SCOPES] },
  { operation: `DELETE ${T}/keys/:keyId`, roles: EVERYBODY, scopes: ANY_SCOPE },

  { operation: `GET ${T}/acl`, roles: READERS, scopes: read('policy_file') },
  { operation: `POST ${T}/acl`, roles: NETWORK, scopes: write('policy_file') },
  { operation: `POST ${T}/acl/validate`, roles: READERS, scopes: read('policy_file') },
  { operation: `POST ${T}/acl/preview`, roles: READERS, scopes: read('policy_file') },

  ...['nameservers', 'preferences', 'searchpaths', 'configuration', 'config'].flatMap(
    (name): AccessLine[] => [
      { operation: `GET ${T}/dns/${name}`, roles: READERS, scopes: read('dns') },
      { operation: `POST ${T}/dns/${name}`, roles: NETWORK, scopes: write('dns') },
    ],
  ),
  { operation: `GET ${T}/dns/split-dns`, roles: READERS, scopes: read('dns') },
  { operation: `PATCH ${T}/dns/split-dns`, roles: NETWORK, scopes: write('dns') },
  { operation: `PUT ${T}/dns/split-dns`, roles: NETWORK, scopes: write('dns') },

  { operation: `GET ${T}/users`, roles: READERS, scopes: read('users') },
  { operation: 'GET /api/v2/users/:userId', roles: READERS, scopes: read('users') },
  // "write users and roles"
  ...['role', 'approve', 'suspend', 'restore', 'delete'].map(
    (name): AccessLine => ({
      operation: `POST /api/v2/users/:userId/${name}`,
      roles: MACHINES,
      scopes: write('users'),
    }),
  ),

  // Each setting has the scope of what it is about; a call is let in for any of them.
  {
    operation: `GET ${T}/settings`,
    roles: READERS,
    scopes: [...new Set(SETTING_SCOPES.flatMap(read))],
  },
  { operation: `PATCH ${T}/settings`, roles: KEYS, scopes: ['all', ...SETTING_SCOPES] },

  { operation: `GET ${T}/contacts`, roles: READERS, scopes: read('account_settings') },
  { operation: `PATCH ${T}/contacts/:contactType`, roles: MACHINES, scopes: write('account_settings') },
  {
    operation: `POST ${T}/contacts/:contactType/resend-verification-email`,
    roles: MACHINES,
    scopes: write('account_settings'),
  },

  // "Posture attributes write: O A N I."
  { operation: `GET ${D}/attributes`, roles: READERS, scopes: read('devices:posture_attributes') },
  {
    operation: `POST ${D}/attributes/:attributeKey`,
    roles: KEYS,
    scopes: write('devices:posture_attributes'),
  },
  {
    operation: `DELETE ${D}/attributes/:attributeKey`,
    roles: KEYS,
    scopes: write('devices:posture_attributes'),
  },
  { operation: `PATCH ${T}/device-attributes`, roles: KEYS, scopes: write('devices:posture_attributes') },

  ...['vip-services', 'services'].flatMap((base): AccessLine[] => {
    const one = `${T}/${base}/:serviceName`;
    return [
      { operation: `GET ${T}/${base}`, roles: READERS, scopes: read('services') },
      { operation: `GET ${one}`, roles: READERS, scopes: read('services') },
      { operation: `PUT ${one}`, roles: NETWORK, scopes: write('services') },
      { operation: `DELETE ${one}`, roles: NETWORK, scopes: write('services') },
      // "service hosts/approval want services + devices:core": no scope alone is enough.
      { operation: `GET ${one}/devices`, roles: READERS, scopes: ['all', 'all:read'] },
      { operation: `GET ${one}/device/:deviceId/approved`, roles: READERS, scopes: ['all', 'all:read'] },
      { operation: `POST ${one}/device/:deviceId/approved`, roles: NETWORK, scopes: ['all'] },
    ];
  }),

  // "generate auth keys; API tokens and OAuth clients; write webhooks"
  { operation: `GET ${T}/webhooks`, roles: READERS, scopes: read('webhooks') },
  { operation: `POST ${T}/webhooks`, roles: KEYS, scopes: write('webhooks') },
  { operation: 'GET /api/v2/webhooks/:endpointId', roles: READERS, scopes: read('webhooks') },
  { operation: 'PATCH /api/v2/webhooks/:endpointId', roles: KEYS, scopes: write('webhooks') },
  { operation: 'DELETE /api/v2/webhooks/:endpointId', roles: KEYS, scopes: write('webhooks') },
  { operation: 'POST /api/v2/webhooks/:endpointId/test', roles: KEYS, scopes: write('webhooks') },
  { operation: 'POST /api/v2/webhooks/:endpointId/rotate', roles: KEYS, scopes: write('webhooks') },

  // "feature_settings: tailnet settings (rest) and posture integrations"; "write feature config"
  { operation: `GET ${T}/posture/integrations`, roles: READERS, scopes: read('feature_settings') },
  { operation: `POST ${T}/posture/integrations`, roles: MACHINES, scopes: write('feature_settings') },
  {
    operation: `PATCH ${T}/posture/integrations/:integrationId`,
    roles: MACHINES,
    scopes: write('feature_settings'),
  },
  ...['GET', 'PATCH', 'DELETE'].map(
    (method): AccessLine => ({
      operation: `${method} /api/v2/posture/integrations/:integrationId`,
      roles: method === 'GET' ? READERS : MACHINES,
      scopes: method === 'GET' ? read('feature_settings') : write('feature_settings'),
    }),
  ),

  {
    operation: `GET ${T}/logging/configuration`,
    roles: READERS,
    scopes: ['all', 'all:read', 'logs:configuration:read'],
  },

  { operation: `GET ${T}/logging/network`, roles: READERS, scopes: read('logs:network') },
  { operation: `GET ${T}/logging/:logType/stream`, roles: READERS, scopes: read('log_streaming') },
  { operation: `PUT ${T}/logging/:logType/stream`, roles: KEYS, scopes: write('log_streaming') },
  { operation: `DELETE ${T}/logging/:logType/stream`, roles: KEYS, scopes: write('log_streaming') },
  {
    operation: `GET ${T}/logging/:logType/stream/status`,
    roles: READERS,
    scopes: read('log_streaming'),
  },
  { operation: `POST ${T}/aws-external-id`, roles: KEYS, scopes: write('log_streaming') },
  {
    operation: `POST ${T}/aws-external-id/:externalId/validate-aws-trust-policy`,
    roles: KEYS,
    scopes: write('log_streaming'),
  },

  // "share a node, accept a shared node"; "device_invites(:read): list/get / delete device invites"
  { operation: `GET ${D}/device-invites`, roles: READERS, scopes: read('device_invites') },
  { operation: `POST ${D}/device-invites`, roles: MACHINES, scopes: write('device_invites') },
  {
    operation: 'GET /api/v2/device-invites/:deviceInviteId',
    roles: READERS,
    scopes: read('device_invites'),
  },
  {
    operation: 'DELETE /api/v2/device-invites/:deviceInviteId',
    roles: MACHINES,
    scopes: write('device_invites'),
  },
  {
    operation: 'POST /api/v2/device-invites/:deviceInviteId/resend',
    roles: MACHINES,
    scopes: write('device_invites'),
  },
  { operation: 'POST /api/v2/device-invites/-/accept', roles: MACHINES, scopes: write('device_invites') },

  // "generate auth keys; API tokens and OAuth clients"
  { operation: `GET ${T}/oauth-apps`, roles: READERS, scopes: read('oauth_apps') },
  { operation: `POST ${T}/oauth-apps`, roles: KEYS, scopes: write('oauth_apps') },
  { operation: `GET ${T}/oauth-apps/:appId`, roles: READERS, scopes: read('oauth_apps') },
  { operation: `PUT ${T}/oauth-apps/:appId`, roles: KEYS, scopes: write('oauth_apps') },
  { operation: `DELETE ${T}/oauth-apps/:appId`, roles: KEYS, scopes: write('oauth_apps') },

  // The vendor's scope is `tailnets`; its matrix has no row for them.
  {
    operation: 'GET /api/v2/organizations/:organization/tailnets',
    roles: READERS,
    scopes: read('tailnets'),
  },
  {
    operation: 'POST /api/v2/organizations/:organization/tailnets',
    roles: ['owner', 'admin'],
    scopes: write('tailnets'),
  },
  { operation: `DELETE ${T}`, roles: ['owner'], scopes: ['all'], apart: true },
  { operation: `DELETE ${T}/tailnet`, roles: ['owner'], scopes: ['all'], apart: true },

  // Invitations give what "write users and roles" gives. (The vendor has no scope for them; ours is that of users.)
  { operation: `GET ${T}/user-invites`, roles: READERS, scopes: read('users') },
  { operation: `POST ${T}/user-invites`, roles: MACHINES, scopes: write('users') },
  { operation: 'GET /api/v2/user-invites/:userInviteId', roles: READERS, scopes: read('users') },
  { operation: 'DELETE /api/v2/user-invites/:userInviteId', roles: MACHINES, scopes: write('users') },
  { operation: 'POST /api/v2/user-invites/:userInviteId/resend', roles: MACHINES, scopes: write('users') },
];
