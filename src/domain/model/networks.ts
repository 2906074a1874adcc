import { boolean, byColumns, entity, integer, json, nullable, type RowOf, text, time } from './spec.ts';

/** A named segment that is reached through gateways. `slug` never changes: ids of other systems hold it. */
export const network = entity(
  {
    id: integer(),
    name: text(),
    nameKey: text(),
    slug: text(),
    kind: text<'regular' | 'exit'>(),
    active: boolean(),
    clientPool4: nullable(text()),
    clientPool6: nullable(text()),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  { unique: [['nameKey'], ['slug']] },
);
export type Network = RowOf<typeof network.columns>;

export const networkTwingate = entity({ network: integer(), location: text() }, { key: ['network'] });
export const networkNetmaker = entity(
  { network: integer(), settings: json<Readonly<Record<string, unknown>>>() },
  { key: ['network'] },
);

/** A place in a network for a device that serves it; it may exist before its device. */
export const gateway = entity(
  {
    id: integer(),
    network: integer(),
    device: nullable(integer()),
    name: text(),
    nameKey: text(),
    tokenGeneration: integer(),
    /** The generation of the token that its device joined with; older than `tokenGeneration`: unbound. */
    boundGeneration: integer(),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  {
    unique: [
      ['network', 'device'],
      ['network', 'nameKey'],
    ],
    indexes: [['device']],
  },
);
export type Gateway = RowOf<typeof gateway.columns>;

export const gatewayTwingate = entity(
  { gateway: integer(), statusNotifications: boolean() },
  { key: ['gateway'] },
);
export const gatewayNetmaker = entity(
  { gateway: integer(), metadata: text(), mtu: integer(), dns: text() },
  { key: ['gateway'] },
);

/** One protocol's ports of a resource. `policy` RESTRICTED without ports closes the protocol. */
export interface PortRules {
  readonly policy: 'allow-all' | 'restricted';
  readonly ports: readonly { readonly start: number; readonly end: number }[];
}
export interface ResourceProtocols {
  readonly allowIcmp: boolean;
  readonly tcp: PortRules;
  readonly udp: PortRules;
}

export type AccessMode = 'manual' | 'auto-lock' | 'access-request';

export const resource = entity(
  {
    id: integer(),
    network: integer(),
    kind: text<'network' | 'kubernetes' | 'ssh' | 'web' | 'egress'>(),
    name: text(),
    addressText: text(),
    addressKind: text<'ip' | 'cidr' | 'dns'>(),
    /** First and last address of an IP or CIDR resource, in canonical text; null for names. */
    lowAddress: nullable(text()),
    highAddress: nullable(text()),
    alias: nullable(text()),
    protocols: json<ResourceProtocols>(),
    active: boolean(),
    bypass: boolean(),
    /** Also reached by those who hold a role on the whole network. */
    networkWide: boolean(),
    securityPolicy: nullable(integer()),
    accessMode: nullable(text<AccessMode>()),
    accessSeconds: nullable(integer()),
    approvalMode: nullable(text<'automatic' | 'manual'>()),
    proxy: nullable(integer()),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  { indexes: [['network'], ['alias'], ['name'], ['lowAddress'], ['accessMode'], ['proxy']] },
);
export type Resource = RowOf<typeof resource.columns>;

/** What a proxy needs to know of a resource behind it. */
export interface ResourceDetails {
  readonly upstreamPort?: number;
  readonly downstreamPort?: number;
  readonly headerRewrites?: readonly { readonly key: string; readonly value: string }[];
}

export const resourceTwingate = entity(
  {
    resource: integer(),
    isVisible: boolean(),
    browserShortcut: boolean(),
    details: json<ResourceDetails>(),
  },
  { key: ['resource'] },
);

export const resourceLabel = entity(
  { resource: integer(), key: text(), value: text() },
  { key: ['resource', 'key'] },
);
export const resourceApprover = entity(
  { resource: integer(), group: integer() },
  { key: ['resource', 'group'], indexes: [['group']] },
);

/** What Twingate calls a Gateway: an endpoint that ends TLS or SSH for resources behind it. */
export const proxy = entity(
  {
    id: integer(),
    network: integer(),
    address: text(),
    x509Ca: integer(),
    sshCa: nullable(integer()),
    createdAt: time(),
    updatedAt: time(),
  },
  { indexes: [['network'], ['x509Ca'], ['sshCa']] },
);
export type ResourceProxy = RowOf<typeof proxy.columns>;

export const certificateAuthority = entity(
  {
    id: integer(),
    kind: text<'x509' | 'ssh'>(),
    name: text(),
    material: text(),
    fingerprint: text(),
    createdAt: time(),
    updatedAt: time(),
  },
  { unique: [['kind', 'name']] },
);
export type CertificateAuthority = RowOf<typeof certificateAuthority.columns>;

/** Opens one resource to one principal. Null columns take the resource's value. */
export const accessEdge = entity(
  {
    id: integer(),
    resource: integer(),
    principalKind: text<'group' | 'service_account'>(),
    principal: integer(),
    securityPolicy: nullable(integer()),
    expiresAt: nullable(time()),
    accessMode: nullable(text<AccessMode>()),
    accessSeconds: nullable(integer()),
    approvalMode: nullable(text<'automatic' | 'manual'>()),
    createdAt: time(),
    ...byColumns,
  },
  {
    unique: [['resource', 'principalKind', 'principal']],
    indexes: [['principalKind', 'principal'], ['expiresAt'], ['accessMode']],
  },
);
export type AccessEdge = RowOf<typeof accessEdge.columns>;

/**
 * How an edge that is not open to its whole group stands to one person: locked after a time without use (`lockedAt`), or
 * opened at a request until an instant (`openUntil`).
 */
export const accessLock = entity(
  {
    edge: integer(),
    membership: integer(),
    lastUsed: nullable(time()),
    lockedAt: nullable(time()),
    openUntil: nullable(time()),
  },
  { key: ['edge', 'membership'], indexes: [['membership'], ['openUntil']] },
);
export type AccessLock = RowOf<typeof accessLock.columns>;

export const accessRequest = entity(
  {
    id: integer(),
    membership: integer(),
    resource: integer(),
    /** Empty where none was given. */
    reason: text(),
    /** How long the person wants the access; null: as long as the terms of the access give. */
    seconds: nullable(integer()),
    status: text<'pending' | 'approved' | 'rejected' | 'expired'>(),
    requestedAt: time(),
    decidedAt: nullable(time()),
    decidedBy: nullable(text()),
    /** Null: while undecided, and for access without an end of its own. */
    accessUntil: nullable(time()),
  },
  { indexes: [['membership'], ['resource'], ['status', 'requestedAt'], ['accessUntil']] },
);
export type AccessRequest = RowOf<typeof accessRequest.columns>;

export const securityPolicy = entity(
  {
    id: integer(),
    name: text(),
    type: text<'default' | 'resource'>(),
    conditions: json<readonly string[]>(),
    createdAt: time(),
    updatedAt: time(),
  },
  { unique: [['name']] },
);
export type SecurityPolicy = RowOf<typeof securityPolicy.columns>;

/**
 * A plain WireGuard peer of a gateway. It stands for its owner: what the owner's groups reach behind the gateway, it
 * reaches. One of the organization reaches nothing.
 */
export const extClient = entity(
  {
    id: integer(),
    clientId: text(),
    gateway: integer(),
    ownerKind: text<'membership' | 'organization'>(),
    owner: integer(),
    publicKey: text(),
    /** Null where the caller keeps the private key. */
    privateKeySealed: nullable(text()),
    presharedKeySealed: nullable(text()),
    enabled: boolean(),
    deviceId: nullable(text()),
    racId: nullable(text()),
    extraAllowedIps: json<readonly string[]>(),
    /** Resolvers for the configuration, separated by commas. */
    dns: text(),
    createdAt: time(),
    updatedAt: time(),
    ...byColumns,
  },
  {
    unique: [['clientId'], ['publicKey']],
    indexes: [['gateway'], ['ownerKind', 'owner']],
  },
);
export type ExtClient = RowOf<typeof extClient.columns>;

/** What a client's program says of the machine that it runs on; only shown. */
export const extClientNetmaker = entity(
  { extClient: integer(), details: json<Readonly<Record<string, unknown>>>() },
  { key: ['extClient'] },
);

/** What a client's gateway last saw of it: written in batches, not audited. */
export const extClientLive = entity(
  {
    extClient: integer(),
    /** Null: never. */
    lastHandshake: nullable(time()),
    receivedBytes: integer(),
    sentBytes: integer(),
    endpoint: text(),
    reportedAt: time(),
  },
  { key: ['extClient'], volatile: true },
);
export type ExtClientLive = RowOf<typeof extClientLive.columns>;

/** The WireGuard side of a gateway, as its agent says it is: plain clients connect to it. */
export const gatewayAgent = entity(
  {
    gateway: integer(),
    publicKey: text(),
    /** Address or name that clients dial, without the port. */
    endpoint: text(),
    listenPort: integer(),
    mtu: integer(),
    updatedAt: time(),
  },
  { key: ['gateway'] },
);
export type GatewayAgent = RowOf<typeof gatewayAgent.columns>;

/** When the agent was last heard: written in batches, not audited. */
export const gatewayAgentLive = entity(
  { gateway: integer(), version: text(), lastSeen: time() },
  { key: ['gateway'], volatile: true },
);
