import { boolean, byColumns, entity, integer, json, nullable, type RowOf, text, time } from './spec.ts';

/** The roles of a membership, from the one that may do everything down (docs/architecture.md, "Access"). */
export const ROLES = [
  'owner',
  'admin',
  'network-admin',
  'it-admin',
  'support',
  'access-reviewer',
  'billing-admin',
  'auditor',
  'member',
  'device-user',
] as const;
export type Role = (typeof ROLES)[number];

/** Lives in organization 0. `label` never changes: ids of other systems are built on it. */
export const organization = entity(
  {
    id: integer(),
    nano: text(),
    label: text(),
    name: text(),
    /** The organization's name for devices and the policy: `user:*@<tailnetName>`, `group:x@<tailnetName>`. */
    tailnetName: text(),
    /** The domain that the organization's own (`<label>.<base>`, under which its devices have names) is in. */
    dnsBase: text(),
    /** Verified mail domains, lower case. */
    domains: json<readonly string[]>(),
    zoneNano: text(),
    /** The organization that made it over an API; 0: whoever runs the installation. */
    parent: integer(),
    createdAt: time(),
    /** Since when it has its name. */
    updatedAt: time(),
    ...byColumns,
  },
  { unique: [['nano'], ['label'], ['tailnetName']], indexes: [['parent']] },
);
export type Organization = RowOf<typeof organization.columns>;

/** A person, across organizations. Lives in organization 0. Dialects never see it: they see memberships. */
export const account = entity({ id: integer(), claimed: boolean(), createdAt: time() });
export type Account = RowOf<typeof account.columns>;

export type IdentityKind = 'password' | 'passkey' | 'oidc' | 'sso' | 'totp';

/** A way to sign in. `org` 0: valid for the account everywhere; otherwise in that organization only. */
export const identity = entity(
  {
    id: integer(),
    account: integer(),
    kind: text<IdentityKind>(),
    issuer: text(),
    subject: text(),
    email: nullable(text()),
    emailVerified: boolean(),
    /** Password (argon2id) or recovery code hashes; public key of a passkey. */
    secretHash: nullable(text()),
    /** TOTP secret, sealed. */
    sealed: nullable(text()),
    data: json<Readonly<Record<string, unknown>>>(),
    createdAt: time(),
    lastUsed: nullable(time()),
  },
  { unique: [['issuer', 'subject']], indexes: [['account'], ['email']] },
);
export type Identity = RowOf<typeof identity.columns>;

/** An account in an organization: what every dialect calls a user. */
export const membership = entity(
  {
    id: integer(),
    nano: text(),
    account: integer(),
    username: text(),
    usernameKey: text(),
    email: nullable(text()),
    emailKey: nullable(text()),
    displayName: nullable(text()),
    givenName: nullable(text()),
    familyName: nullable(text()),
    avatarUrl: nullable(text()),
    role: text<Role>(),
    createdAt: time(),
    updatedAt: time(),
    joinedAt: nullable(time()),
    approvedAt: nullable(time()),
    suspendedAt: nullable(time()),
    /** Suspended in the manner that leaves external clients running (Netmaker without force). */
    keepClients: boolean(),
    managedBy: text<'none' | 'directory'>(),
    externalId: nullable(text()),
    ...byColumns,
  },
  {
    unique: [['nano'], ['account'], ['usernameKey'], ['emailKey']],
    indexes: [['role']],
    touched: 'updatedAt',
  },
);
export type Membership = RowOf<typeof membership.columns>;

/** When a membership was last seen: written in batches, not audited. */
export const membershipSeen = entity(
  { membership: integer(), lastSeen: time() },
  { key: ['membership'], volatile: true },
);

export const membershipNetmaker = entity(
  { membership: integer(), theme: text(), textSize: text(), reducedMotion: boolean() },
  { key: ['membership'] },
);

export type GroupKind = 'manual' | 'directory' | 'system';

/** `key` is the slug that the policy file uses (`group:<key>@<domain>`); it stays when the name changes. */
export const group = entity(
  {
    id: integer(),
    name: text(),
    key: text(),
    kind: text<GroupKind>(),
    systemKey: nullable(text()),
    active: boolean(),
    originId: nullable(text()),
    securityPolicy: nullable(integer()),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  { unique: [['key'], ['systemKey']] },
);
export type Group = RowOf<typeof group.columns>;

export const groupNetmaker = entity(
  { group: integer(), colorCode: text(), metaData: text() },
  { key: ['group'] },
);

export const groupMember = entity(
  { group: integer(), membership: integer(), source: text<'manual' | 'directory'>() },
  { key: ['group', 'membership'], indexes: [['membership']] },
);

/** Kinds of things in a network that a network role may be about. */
const NETWORK_THINGS = [
  'device',
  'relay',
  'gateway',
  'ext-client',
  'internet-gateway',
  'resource',
  'network',
  'auth-key',
  'member',
  'policy',
  'tag',
  'dns',
  'nameserver',
  'fail-over',
  'metric',
  'posture',
  'access-approval',
  'access-request',
  'activity',
  'flow-log',
] as const;
export type NetworkThing = (typeof NETWORK_THINGS)[number];

export interface AccessRights {
  readonly create: boolean;
  readonly read: boolean;
  readonly update: boolean;
  readonly delete: boolean;
  /** Of gateways: reach the network through it. */
  readonly connect: boolean;
  /** Only what belongs to the holder. */
  readonly ownOnly: boolean;
}

/** Rights by kind and id; the id `*` stands for all of the kind. Devices and gateways go by their integers. */
export type RoleAccess = {
  readonly [T in NetworkThing]?: Readonly<Record<string, AccessRights>>;
};

export const networkRole = entity(
  {
    id: integer(),
    /** Null: a role over all networks. */
    network: nullable(integer()),
    key: text(),
    name: text(),
    fullAccess: boolean(),
    access: json<RoleAccess>(),
    builtIn: boolean(),
  },
  { unique: [['key'], ['name']] },
);
export type NetworkRole = RowOf<typeof networkRole.columns>;

export const networkRoleNetmaker = entity(
  { networkRole: integer(), metaData: text() },
  { key: ['networkRole'] },
);

/** `network` 0: on all networks. */
export const groupNetworkRole = entity(
  { group: integer(), network: integer(), networkRole: integer() },
  { key: ['group', 'network', 'networkRole'], indexes: [['networkRole']] },
);

export const invitation = entity(
  {
    id: integer(),
    nano: text(),
    email: nullable(text()),
    /** The normalised e-mail while the invitation is open, else null: one open invitation an address. */
    openKey: nullable(text()),
    membership: nullable(integer()),
    role: nullable(text<Role>()),
    groups: json<readonly number[]>(),
    /** The dialect it was made in: decides which links and codes open it. */
    madeBy: text<'tailscale' | 'twingate' | 'netmaker' | 'keycard' | 'native'>(),
    tokenHash: nullable(text()),
    epoch: integer(),
    tries: integer(),
    status: text<'pending' | 'accepted' | 'revoked'>(),
    createdAt: time(),
    expiresAt: time(),
    lastSentAt: nullable(time()),
    acceptedBy: nullable(integer()),
    ...byColumns,
  },
  { unique: [['nano'], ['openKey'], { columns: ['tokenHash'], global: true }], indexes: [['membership']] },
);
export type Invitation = RowOf<typeof invitation.columns>;

/** Mails to an address within the time that they are counted for. */
export const mailing = entity(
  {
    /** The SHA-256 of the normalised address, hex. */
    address: text(),
    sentAt: json<readonly number[]>(),
    lastAt: time(),
  },
  { key: ['address'], indexes: [['lastAt']], volatile: true },
);

export const serviceAccount = entity(
  {
    id: integer(),
    nano: text(),
    name: text(),
    description: nullable(text()),
    /** `none`: network access only. Fixed when it is made. */
    role: text<'none' | 'org-service'>(),
    /** The account that owns OAuth clients and federated identities. */
    system: boolean(),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  { unique: [['nano']] },
);
export type ServiceAccount = RowOf<typeof serviceAccount.columns>;

/** What was set of a provider's metadata by hand, in its own words; see domain/sso-connections/protocols. */
export interface SsoProtocols {
  readonly oauth2?: Readonly<Record<string, string | readonly string[]>>;
  readonly openid?: Readonly<Record<string, string | readonly string[]>>;
}

/** The connection to an identity provider: at most one in an organization, and in force as long as it is there. */
export const ssoConnection = entity(
  {
    id: integer(),
    nano: text(),
    /** The issuer, byte for byte as it was given. */
    identifier: text(),
    clientId: nullable(text()),
    secretSealed: nullable(text()),
    protocols: nullable(json<SsoProtocols>()),
    /**
     * Administrative roles that whoever set the endpoints by hand had power over: nobody of another one is taken by what they
     * say. Null: none are set by hand, the issuer speaks for itself.
     */
    vouchedRoles: nullable(json<readonly Role[]>()),
    createdAt: time(),
    updatedAt: time(),
  },
  { unique: [['nano']] },
);
export type SsoConnection = RowOf<typeof ssoConnection.columns>;
