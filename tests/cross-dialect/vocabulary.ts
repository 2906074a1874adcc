/**
 * One word a thing inside, and what each dialect calls it; null where a dialect has no such thing. The other files of this
 * folder must account for every word: with readers and writers, or in the list of what is not built yet.
 */
export const DIALECTS = ['tailscale', 'twingate', 'netmaker', 'keycard'] as const;
export type Dialect = (typeof DIALECTS)[number];

export type Words = Readonly<Record<Dialect, string | null>>;

export const VOCABULARY = {
  organization: {
    tailscale: 'tailnet',
    twingate: 'network (tenant)',
    netmaker: 'tenant',
    keycard: 'organization',
  },
  person: { tailscale: 'user', twingate: 'User', netmaker: 'user', keycard: 'user' },
  role: { tailscale: 'role', twingate: 'role', netmaker: 'platform_role_id', keycard: 'role' },
  group: { tailscale: 'group: of the directory', twingate: 'Group', netmaker: 'user group', keycard: null },
  invitation: {
    tailscale: 'user invite',
    twingate: 'PENDING user',
    netmaker: 'user invite',
    keycard: 'invitation',
  },
  'device invite': { tailscale: 'device invite', twingate: null, netmaker: null, keycard: null },
  'service account': {
    tailscale: 'owner of OAuth clients',
    twingate: 'ServiceAccount',
    netmaker: null,
    keycard: 'service account',
  },
  credential: {
    tailscale: 'key',
    twingate: 'API token, service key, connector tokens',
    netmaker: 'access token',
    keycard: 'service account credential',
  },
  device: { tailscale: 'device', twingate: 'Device', netmaker: 'host', keycard: null },
  network: { tailscale: null, twingate: 'RemoteNetwork', netmaker: 'network', keycard: null },
  gateway: {
    tailscale: 'subnet router',
    twingate: 'Connector',
    netmaker: 'remote access gateway',
    keycard: null,
  },
  resource: { tailscale: 'service, route', twingate: 'Resource', netmaker: 'egress', keycard: null },
  'access edge': {
    tailscale: 'grant',
    twingate: 'AccessEdge',
    netmaker: 'network role of a group',
    keycard: null,
  },
  'access request': { tailscale: null, twingate: 'AccessRequest', netmaker: null, keycard: null },
  'external client': { tailscale: null, twingate: null, netmaker: 'ext client', keycard: null },
  policy: { tailscale: 'policy file', twingate: 'security policy', netmaker: 'ACL', keycard: null },
  'sso connection': {
    tailscale: 'identity provider',
    // Its console has the word, its API shows nothing of it.
    twingate: null,
    netmaker: 'OAuth settings',
    keycard: 'SSO connection',
  },
  'audit event': {
    tailscale: 'configuration log',
    twingate: null,
    netmaker: 'activity',
    keycard: 'audit',
  },
} as const satisfies Readonly<Record<string, Words>>;

export type Word = keyof typeof VOCABULARY;

/** The role that each dialect shows for each of ours. */
export const ROLE_WORDS: Readonly<Record<string, Readonly<Record<Dialect, string>>>> = {
  owner: { tailscale: 'owner', twingate: 'ADMIN', netmaker: 'super-admin', keycard: 'org_admin' },
  admin: { tailscale: 'admin', twingate: 'ADMIN', netmaker: 'admin', keycard: 'org_admin' },
  'network-admin': {
    tailscale: 'network-admin',
    twingate: 'DEVOPS',
    netmaker: 'platform-user',
    keycard: 'org_viewer',
  },
  'it-admin': { tailscale: 'it-admin', twingate: 'ADMIN', netmaker: 'admin', keycard: 'org_admin' },
  support: { tailscale: 'auditor', twingate: 'SUPPORT', netmaker: 'auditor', keycard: 'org_viewer' },
  'access-reviewer': {
    tailscale: 'member',
    twingate: 'ACCESS_REVIEWER',
    netmaker: 'platform-user',
    keycard: 'org_member',
  },
  'billing-admin': {
    tailscale: 'billing-admin',
    twingate: 'MEMBER',
    netmaker: 'auditor',
    keycard: 'org_viewer',
  },
  auditor: { tailscale: 'auditor', twingate: 'SUPPORT', netmaker: 'auditor', keycard: 'org_viewer' },
  member: { tailscale: 'member', twingate: 'MEMBER', netmaker: 'platform-user', keycard: 'org_member' },
  'device-user': { tailscale: 'member', twingate: 'MEMBER', netmaker: 'service-user', keycard: 'org_member' },
};

/** Words that no thing of this folder reads, with the reason; a word that is read must not stand here. */
export const NOT_BUILT: Partial<Record<Word, Partial<Record<Dialect, string>>>> = {
  group: { tailscale: 'groups show there in the meaning of the policy file alone' },
  'service account': { tailscale: 'it shows there by its keys alone' },
  credential: { keycard: 'its credentials join no devices' },
  'access edge': { tailscale: 'edges are never in the policy file' },
  policy: { netmaker: 'its lists of rules stay empty: what opens a network is a role' },
  'sso connection': {
    tailscale: 'its API has no operation for it',
    netmaker: 'its settings name no provider: the page of sign-in does',
  },
  'audit event': { keycard: 'its API has no operation for it' },
};
