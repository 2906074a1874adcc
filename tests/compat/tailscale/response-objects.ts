/** The objects of the API, transcribed from its contract (sections in brackets). Members that it does not name are refused. */
import { z } from 'zod';

export const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/u);
const maybeTime = z.union([time, z.literal('')]);
const text = z.string();
const texts = z.array(z.string());
const flag = z.boolean();
const count = z.int().min(0);
/** Beyond 2^53 other readers would not agree about them. */
const id64 = z.int().min(0);

/** [1.4] What a write without anything to tell answers: clients take either. */
export const nothing = z.union([z.literal(''), z.strictObject({})]);

/** [1.4] `data` is a list or absent. The OAuth endpoints say the same in RFC 6749's words too. */
export const failure = z.strictObject({
  message: z.string().min(1),
  data: z.array(z.looseObject({})).optional(),
  error: text.optional(),
  error_description: text.optional(),
});

/** [1.2] */
export const accessToken = z.strictObject({
  access_token: z.string().min(20),
  token_type: z.literal('Bearer'),
  expires_in: z.literal(3600),
  scope: text,
});

const connectivity = z.strictObject({
  endpoints: texts,
  derp: text.optional(),
  mappingVariesByDestIP: flag.nullish(),
  latency: z.record(text, z.strictObject({ latencyMs: z.number(), preferred: flag.optional() })),
  clientSupports: z.strictObject({
    hairPinning: flag.nullish(),
    ipv6: flag.nullish(),
    pcp: flag.nullish(),
    pmp: flag.nullish(),
    udp: flag.nullish(),
    upnp: flag.nullish(),
  }),
});

/** [2.1] The second half comes with `fields=all` alone; `managedRoutes` is our own (routes that resources open). */
export const device = z.strictObject({
  addresses: texts,
  id: z.string().regex(/^\d+$/u),
  nodeId: z.string().regex(/^n\w+CNTRL$/u),
  user: text,
  name: text,
  hostname: text,
  clientVersion: text,
  updateAvailable: flag,
  os: text,
  created: maybeTime,
  connectedToControl: flag,
  lastSeen: maybeTime.optional(),
  keyExpiryDisabled: flag,
  expires: maybeTime,
  authorized: flag,
  isExternal: flag,
  isEphemeral: flag,
  multipleConnections: z.literal(true).optional(),
  machineKey: text,
  nodeKey: z.string().regex(/^(?:nodekey:[0-9a-f]{64})?$/u),
  blocksIncomingConnections: flag,
  tailnetLockKey: text,
  tailnetLockError: text,
  tags: z.array(z.string().startsWith('tag:')).min(1).optional(),
  enabledRoutes: texts.optional(),
  advertisedRoutes: texts.optional(),
  managedRoutes: texts.optional(),
  sshEnabled: flag.optional(),
  clientConnectivity: connectivity.optional(),
  postureIdentity: z
    .union([z.strictObject({ serialNumbers: texts }), z.strictObject({ disabled: z.literal(true) })])
    .optional(),
  distro: z.strictObject({ name: text, version: text, codeName: text }).optional(),
});

/** [2.2] Never null. */
export const routes = z.strictObject({
  advertisedRoutes: texts,
  enabledRoutes: texts,
  managedRoutes: texts.optional(),
});

/** [2.3] */
export const attributes = z.strictObject({
  attributes: z.record(text, z.union([text, z.number(), flag])),
  expiries: z.record(text, time),
});

const ROLES = ['owner', 'admin', 'it-admin', 'network-admin', 'billing-admin', 'auditor', 'member'] as const;

/** [3.1] Ids begin with a letter: clients use them as names. */
export const user = z.strictObject({
  id: z.string().regex(/^[a-z_]/u),
  displayName: text,
  loginName: text,
  profilePicUrl: text,
  tailnetId: text,
  created: time,
  type: z.enum(['member', 'shared']),
  role: z.enum(ROLES),
  status: z.enum(['active', 'idle', 'suspended', 'needs-approval', 'over-billing-limit']),
  deviceCount: count,
  lastSeen: time,
  currentlyConnected: flag,
});

/** [3.3] What the caller may not read is null or left out. `routeSelection` is our own. */
export const settings = z.strictObject({
  aclsExternallyManagedOn: flag.nullish(),
  aclsExternalLink: text.nullish(),
  devicesApprovalOn: flag.nullish(),
  devicesAutoUpdatesOn: flag.nullish(),
  devicesKeyDurationDays: z.int().min(1).max(180).nullish(),
  usersApprovalOn: flag.nullish(),
  usersRoleAllowedToJoinExternalTailnets: z.enum(['none', 'admin', 'member']).nullish(),
  networkFlowLoggingOn: flag.nullish(),
  regionalRoutingOn: flag.nullish(),
  postureIdentityCollectionOn: flag.nullish(),
  httpsEnabled: flag.nullish(),
  routeSelection: text.nullish(),
});

/** [3.3] */
const tailnet = { id: text, displayName: text, orgId: text, dnsName: text, createdAt: time };
/** `cursor` is what a client in the field goes on with: where a page ended. */
export const tailnets = z.strictObject({
  tailnets: z.array(z.strictObject(tailnet)),
  cursor: text.optional(),
});
export const madeTailnet = z.strictObject({
  ...tailnet,
  oauthClient: z.strictObject({ id: text, secret: text }),
});

/** [3.4] */
const contact = z.strictObject({ email: text, fallbackEmail: text.optional(), needsVerification: flag });
export const contacts = z.strictObject({ account: contact, support: contact, security: contact });

/** [4.1] */
export const deviceInvite = z.strictObject({
  id: z.string().regex(/^\d+$/u),
  created: time,
  tailnetId: id64,
  deviceId: id64,
  sharerId: id64,
  multiUse: flag.optional(),
  allowExitNode: flag.optional(),
  email: text.optional(),
  lastEmailSentAt: time.optional(),
  inviteUrl: text.optional(),
  accepted: flag,
  acceptedBy: z.strictObject({ id: id64, loginName: text, profilePicUrl: text }).optional(),
});
const person = z.strictObject({ id: text, displayName: text, loginName: text, profilePicURL: text });
export const acceptedInvite = z.strictObject({
  device: z.strictObject({
    id: text,
    os: text,
    name: text,
    fqdn: text,
    ipv4: text,
    ipv6: text,
    includeExitNode: flag,
  }),
  sharer: person,
  acceptedBy: person,
});

/** [4.2] */
export const userInvite = z.strictObject({
  id: z.string().regex(/^\d+$/u),
  role: z.enum(ROLES),
  tailnetId: id64,
  inviterId: id64,
  email: text.optional(),
  lastEmailSentAt: time.optional(),
  inviteUrl: text.optional(),
});

/** [5] Each type has its own members: clients compare keys as a whole. */
const keyBase = {
  id: text,
  key: text.optional(),
  description: text,
  created: time,
  expires: time.optional(),
  revoked: time.optional(),
  invalid: flag,
  userId: text,
};
const capabilities = z.strictObject({
  devices: z.strictObject({
    create: z.strictObject({ reusable: flag, ephemeral: flag, preauthorized: flag, tags: texts }),
  }),
});
export const key = z.discriminatedUnion('keyType', [
  z.strictObject({
    ...keyBase,
    keyType: z.literal('auth'),
    expirySeconds: z.int(),
    capabilities: capabilities.optional(),
  }),
  z.strictObject({
    ...keyBase,
    keyType: z.literal('api'),
    updated: time.optional(),
    expirySeconds: z.int(),
    scopes: texts.optional(),
  }),
  z.strictObject({
    ...keyBase,
    keyType: z.literal('client'),
    updated: time.optional(),
    scopes: texts,
    tags: texts.min(1).optional(),
  }),
  z.strictObject({
    ...keyBase,
    keyType: z.literal('federated'),
    updated: time.optional(),
    scopes: texts,
    tags: texts,
    issuer: text,
    subject: text,
    audience: text,
    customClaimRules: z.record(text, text),
  }),
]);

/** [5] */
export const oauthApp = z.strictObject({
  id: z.string().regex(/^a\w+CNTRL$/u),
  name: z.string().regex(/^[A-Za-z0-9._-]{3,50}$/u),
  description: z.string().max(300),
  redirectURIs: texts.min(1),
  scopes: texts.min(1),
  allowedNodeAttributes: texts,
  clientSecret: text.optional(),
  created: time,
  updated: time,
});

/** [8] The secret is never shown. */
export const integration = z.strictObject({
  id: z.string().regex(/^p\w+CNTRL$/u),
  provider: z.enum(['falcon', 'fleet', 'huntress', 'intune', 'jamfpro', 'kandji', 'kolide', 'sentinelone']),
  cloudId: text,
  clientId: text,
  tenantId: text,
  configUpdated: time,
  status: z
    .strictObject({
      lastSync: time,
      error: text.optional(),
      providerHostCount: count,
      matchedCount: count,
      possibleMatchedCount: count,
    })
    .optional(),
});

/** [9] */
export const webhook = z.strictObject({
  endpointId: text,
  endpointUrl: z.url(),
  providerType: z.enum(['', 'slack', 'mattermost', 'googlechat', 'discord']),
  creatorLoginName: text,
  created: time,
  lastModified: time,
  subscriptions: texts,
  secret: text.optional(),
});

/** [11] */
export const service = z.strictObject({
  name: z.string().startsWith('svc:'),
  displayName: text.optional(),
  addrs: z.tuple([z.ipv4(), z.ipv6()]),
  comment: text.optional(),
  annotations: z.record(text, text).optional(),
  ports: texts,
  tags: texts.optional(),
});
export const serviceHost = z.strictObject({
  stableNodeID: text,
  nodeId: text,
  approvalLevel: z.enum(['not-approved', 'approved:auto', 'approved:manual']),
  configured: text,
});
