import { boolean, byColumns, entity, integer, json, nullable, type RowOf, text, time } from './spec.ts';

/** What each kind may be used for is in `domain/credentials/kinds.ts`. */
const CREDENTIAL_KINDS = [
  'api',
  'pat',
  'session',
  'oauth-client',
  'federated',
  'sa-credential',
  'access',
  'auth-key',
  'connector-access',
  'connector-refresh',
  'service-key',
  'gateway-agent',
] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

export type CredentialOwnerKind = 'membership' | 'service_account' | 'organization' | 'gateway';

/** What a workload's token must say for a federated identity to take it. */
export interface FederationRules {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly claims: Readonly<Record<string, string>>;
}

export const credential = entity(
  {
    id: integer(),
    nano: nullable(text()),
    kind: text<CredentialKind>(),
    ownerKind: text<CredentialOwnerKind>(),
    owner: integer(),
    name: text(),
    description: text(),
    /** The public part of the token, by which it is found. */
    publicId: text(),
    /** SHA-256 of the secret part, hex. */
    secretHash: nullable(text()),
    publicKey: nullable(text()),
    scopes: json<readonly string[]>(),
    tags: json<readonly string[]>(),
    reusable: boolean(),
    ephemeral: boolean(),
    preauthorized: boolean(),
    expirySeconds: nullable(integer()),
    createdAt: time(),
    updatedAt: nullable(time()),
    expiresAt: nullable(time()),
    consumedAt: nullable(time()),
    revokedAt: nullable(time()),
    /** Generation of a gateway's tokens: a new pair ends the older ones. */
    generation: integer(),
    /** The credential that this one was minted from, or 0. */
    parent: integer(),
    federation: nullable(json<FederationRules>()),
    ...byColumns,
  },
  {
    unique: [{ columns: ['publicId'], global: true }, ['nano']],
    indexes: [['kind'], ['ownerKind', 'owner'], ['parent']],
  },
);
export type Credential = RowOf<typeof credential.columns>;

/** When a credential was last used: written in batches, not audited. */
export const credentialSeen = entity(
  { credential: integer(), lastUsed: time() },
  { key: ['credential'], volatile: true },
);

/** What is known of a person's session beside its credential: how it was opened, and from where. */
export const session = entity(
  {
    credential: integer(),
    membership: integer(),
    account: integer(),
    /** The identity that was proven, and its organization: one that is good everywhere (0) may change organizations. */
    identity: integer(),
    identityOrg: integer(),
    /** The identity of the second factor that was shown as well, or 0. */
    factor: integer(),
    address: text(),
    /** What the browser or program calls itself, cut. */
    agent: text(),
    /** When the person proved who they are. A session that is exchanged for one in another organization keeps it. */
    provenAt: time(),
  },
  { key: ['credential'], indexes: [['membership']] },
);
export type Session = RowOf<typeof session.columns>;

/**
 * A program on somebody's machine that waits until its person has signed in with a browser. `ref` is the SHA-256 of the
 * secret in the link that the program shows.
 */
export const programLogin = entity(
  {
    ref: text(),
    /** The address that the program called from. */
    address: text(),
    /** Who signed in; 0 while nobody has. */
    membership: integer(),
    identity: integer(),
    identityOrg: integer(),
    createdAt: time(),
    expiresAt: time(),
  },
  { key: ['ref'], indexes: [['address'], ['expiresAt']], volatile: true },
);

/** A link by which a member sets a password of the organization, once. The secret is kept as its SHA-256, hex. */
export const passwordLink = entity(
  {
    secretHash: text(),
    membership: integer(),
    createdAt: time(),
    expiresAt: time(),
    ...byColumns,
  },
  { key: ['secretHash'], indexes: [['membership']] },
);
export type PasswordLink = RowOf<typeof passwordLink.columns>;

/**
 * A key that signs tokens, shared by all processes: those of organization 0 access tokens, those of an organization what says
 * to others which of its devices is asking. Kept until everything that it signed has ended. `publicJwk` is what is published.
 */
export const signingKey = entity(
  {
    kid: text(),
    publicJwk: json<Readonly<Record<string, string>>>(),
    /** PKCS #8 in base64, sealed. */
    privateSealed: text(),
    createdAt: time(),
    /** Published from the beginning, it signs from here on. */
    activeFrom: time(),
  },
  { key: ['kid'] },
);
export type SigningKey = RowOf<typeof signingKey.columns>;
