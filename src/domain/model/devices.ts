import { boolean, byColumns, entity, integer, json, nullable, type RowOf, text, time } from './spec.ts';

export type DeviceOwnerKind = 'membership' | 'tags' | 'service_account' | 'gateway';

/** What a device says of itself, as its client sends it (wire names kept: it is passed on to other devices). */
export type HostFacts = Readonly<Record<string, unknown>>;

export const device = entity(
  {
    id: integer(),
    machineKey: text(),
    nodeKey: text(),
    ownerKind: text<DeviceOwnerKind>(),
    /** The membership, service account or gateway; 0 for devices owned by their tags. */
    owner: integer(),
    /** The membership whose act or key brought the device in; 0 if none. */
    registeredBy: integer(),
    /** Edge-only devices (connector tokens, service keys) are outside the policy file's wildcards. */
    class: text<'normal' | 'edge-only'>(),
    osHostname: text(),
    givenName: nullable(text()),
    /** The MagicDNS label, unique among devices and services. */
    label: text(),
    os: text(),
    clientVersion: text(),
    capver: integer(),
    createdAt: time(),
    keyExpiresAt: nullable(time()),
    expiryDisabled: boolean(),
    authorizedAt: nullable(time()),
    blockedAt: nullable(time()),
    archivedAt: nullable(time()),
    trustedAt: nullable(time()),
    ephemeral: boolean(),
    serials: json<readonly string[]>(),
    /** The credential it joined with, or 0. */
    credential: integer(),
    ...byColumns,
  },
  {
    unique: [['machineKey', 'ownerKind', 'owner'], { columns: ['nodeKey'], global: true }, ['label']],
    indexes: [['ownerKind', 'owner'], ['machineKey'], ['ephemeral']],
  },
);
export type Device = RowOf<typeof device.columns>;

/** What a client says of the device that it brings in. Keys are texts with their prefixes, already parsed. */
export interface JoinFacts {
  /** Proven by the transport. */
  readonly machineKey: string;
  readonly nodeKey: string;
  /** The client wants a device that vanishes when it goes. */
  readonly ephemeral: boolean;
  readonly hostname: string;
  readonly os: string;
  readonly clientVersion: string;
  readonly capver: number;
  /** Canonical prefixes. */
  readonly advertised: readonly string[];
  readonly requestTags: readonly string[];
  readonly hostinfo: HostFacts;
  readonly netInfo: HostFacts | null;
  readonly homeDerp: number;
  readonly shieldsUp: boolean;
}

/**
 * A device that waits for a person to sign in for it. Lives in organization 0, as nobody knows yet where it will belong.
 * `ref` is the SHA-256 of the id in the link that the client shows.
 */
export const deviceLogin = entity(
  {
    ref: text(),
    machineKey: text(),
    nodeKey: text(),
    state: text<'waiting' | 'joined' | 'denied'>(),
    facts: json<JoinFacts>(),
    /** The address that the client called from. */
    address: text(),
    createdAt: time(),
    expiresAt: time(),
  },
  { key: ['ref'], indexes: [['machineKey'], ['address'], ['expiresAt']], volatile: true },
);
export type DeviceLogin = RowOf<typeof deviceLogin.columns>;

/** An SSH login that waits for its person to sign in. `ref` is the SHA-256 of the secret in the link. */
export const sshCheck = entity(
  {
    ref: text(),
    source: integer(),
    membership: integer(),
    target: integer(),
    /** The user that is logged in as. */
    user: text(),
    state: text<'waiting' | 'allowed' | 'denied'>(),
    createdAt: time(),
    expiresAt: time(),
  },
  { key: ['ref'], indexes: [['source'], ['expiresAt']], volatile: true },
);
export type SshCheck = RowOf<typeof sshCheck.columns>;

/** When the owner of a device last proved who they are for an SSH login from it. */
export const sshProof = entity(
  { device: integer(), membership: integer(), at: time() },
  { key: ['device'], volatile: true },
);

/**
 * What devices publish to prove to a certificate authority that a name is theirs (RFC 8555, dns-01). One row a name: what has
 * ended gives way to what follows.
 */
export const certChallenge = entity(
  {
    id: integer(),
    /** Who published last: a service may have several hosts. */
    device: integer(),
    /** `_acme-challenge.<the full name of a device or service>`, lower case, without trailing dot. */
    name: text(),
    values: json<readonly { readonly value: string; readonly expiresAt: number }[]>(),
    /** When values were set lately. */
    setAt: json<readonly number[]>(),
  },
  { unique: [{ columns: ['name'], global: true }], indexes: [['device']] },
);
export type CertChallenge = RowOf<typeof certChallenge.columns>;

/** What a device reports while it runs: batched, off the audit chain. */
export const deviceLive = entity(
  {
    device: integer(),
    discoKey: text(),
    endpoints: json<readonly string[]>(),
    endpointTypes: json<readonly number[]>(),
    /** Home relay region; 0 when not known. */
    homeDerp: integer(),
    hostinfo: json<HostFacts>(),
    netInfo: nullable(json<HostFacts>()),
    shieldsUp: boolean(),
    /** The running client was never told to keep its logs to itself: it may be asked for flow logs. */
    flowLogs: boolean(),
    updatedAt: time(),
  },
  { key: ['device'], volatile: true },
);
export type DeviceLive = RowOf<typeof deviceLive.columns>;

/** Which replica holds a device's stream. `since` is when it last came online or went offline. */
export const presence = entity(
  { device: integer(), replica: text(), online: boolean(), since: time(), lastSeen: time() },
  { key: ['device'], indexes: [['replica']], volatile: true },
);
export type Presence = RowOf<typeof presence.columns>;

export const deviceTag = entity(
  { device: integer(), tag: text(), source: text<'admin' | 'key' | 'client'>() },
  { key: ['device', 'tag'], indexes: [['tag']] },
);

export type AttributeValue = string | number | boolean;

export const deviceAttribute = entity(
  {
    device: integer(),
    keyLower: text(),
    key: text(),
    value: json<AttributeValue>(),
    expiresAt: nullable(time()),
    source: text(),
    updatedAt: time(),
  },
  { key: ['device', 'keyLower'], indexes: [['expiresAt']] },
);
export type DeviceAttribute = RowOf<typeof deviceAttribute.columns>;

/** The type that the first write of an attribute fixed for the organization. */
export const attributeType = entity(
  { keyLower: text(), key: text(), type: text<'string' | 'number' | 'boolean'>() },
  { key: ['keyLower'] },
);

/** An address has one holder, whatever its kind. `ip` in canonical text. */
export const address = entity(
  {
    ip: text(),
    family: integer<4 | 6>(),
    holderKind: text<'device' | 'service' | 'ext-client'>(),
    holder: integer(),
    /**
     * The `ip` again, where no other organization may have it: of devices and services, which meet those of others when a
     * device is shared. Null for plain clients of a gateway, whose pools their organization chooses.
     */
    claim: nullable(text()),
  },
  { key: ['ip'], unique: [{ columns: ['claim'], global: true }], indexes: [['holderKind', 'holder']] },
);
export type Address = RowOf<typeof address.columns>;

/**
 * A prefix that a device advertises, or that somebody enabled on it (also beforehand). Effective = advertised and enabled.
 * The layer that resources put on top is derived, never stored.
 */
export const route = entity(
  {
    device: integer(),
    prefix: text(),
    advertised: boolean(),
    manualAt: nullable(time()),
    /** The membership that enabled it, or 0. */
    manualBy: integer(),
    /** Enabled by the policy's autoApprovers. */
    auto: boolean(),
  },
  { key: ['device', 'prefix'], indexes: [['prefix']] },
);
export type Route = RowOf<typeof route.columns>;

/** Which device carries a prefix; `network` 0 for routes outside any network. */
export const routePrimary = entity(
  { network: integer(), prefix: text(), device: integer(), since: time() },
  { key: ['network', 'prefix'], indexes: [['device']], volatile: true },
);
export type RoutePrimary = RowOf<typeof routePrimary.columns>;

/** The addresses that a gateway's device found for a name that it resolves for others. */
export const resolvedName = entity(
  { device: integer(), name: text(), addresses: json<readonly string[]>() },
  { key: ['device', 'name'], volatile: true },
);
export type ResolvedName = RowOf<typeof resolvedName.columns>;

export const service = entity(
  {
    id: integer(),
    /** With its prefix, `svc:`. */
    name: text(),
    displayName: text(),
    ports: json<readonly string[]>(),
    tags: json<readonly string[]>(),
    comment: text(),
    annotations: json<Readonly<Record<string, string>>>(),
    createdAt: time(),
    updatedAt: time(),
  },
  { unique: [['name']] },
);
export type Service = RowOf<typeof service.columns>;

export const serviceHost = entity(
  {
    service: integer(),
    device: integer(),
    approval: text<'not-approved' | 'approved:auto' | 'approved:manual'>(),
    /** Whether the device serves it now. An approval may be given before. */
    advertised: boolean(),
  },
  { key: ['service', 'device'], indexes: [['device']] },
);

/** An invitation to use one device from another organization. Its link is computed, never stored. */
export const deviceShare = entity(
  {
    id: integer(),
    device: integer(),
    /** The membership that shares it. */
    sharer: integer(),
    multiUse: boolean(),
    exitNode: boolean(),
    email: nullable(text()),
    createdAt: time(),
    /** Until then it can be accepted; what was accepted stays. */
    expiresAt: time(),
    lastSent: nullable(time()),
    ...byColumns,
  },
  { indexes: [['device']] },
);
export type DeviceShare = RowOf<typeof deviceShare.columns>;

/** In the sharer's organization: who accepted. The names as they were then, as no organization reads another's people. */
export const shareAccept = entity(
  {
    share: integer(),
    device: integer(),
    acceptorOrg: integer(),
    membership: integer(),
    exitNode: boolean(),
    loginName: text(),
    displayName: text(),
    avatarUrl: text(),
    acceptedAt: time(),
  },
  { key: ['share', 'acceptorOrg', 'membership'], indexes: [['device'], ['membership']] },
);
export type ShareAccept = RowOf<typeof shareAccept.columns>;

/** In the acceptor's organization: a device of another organization that a member's own devices reach. */
export const sharedDevice = entity(
  {
    homeOrg: integer(),
    device: integer(),
    membership: integer(),
    share: integer(),
    exitNode: boolean(),
    /** The membership, of the home organization, that shared it. */
    sharer: integer(),
    since: time(),
  },
  { key: ['homeOrg', 'device', 'membership'], indexes: [['membership'], ['device']] },
);
export type SharedDevice = RowOf<typeof sharedDevice.columns>;

export const serialNumber = entity(
  { id: integer(), serial: text(), createdAt: time() },
  { unique: [['serial']] },
);

export const postureIntegration = entity(
  {
    id: integer(),
    provider: text(),
    cloudId: text(),
    clientId: text(),
    tenantId: text(),
    secretSealed: text(),
    configUpdated: time(),
    status: nullable(json<unknown>()),
    ...byColumns,
  },
  { unique: [['provider']] },
);
