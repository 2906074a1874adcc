/**
 * The model: every kind of entity by name. The name is the table's name, the change feed's kind, and the word that design
 * and code use. A kind ending in a dialect's name holds what only that dialect shows; nothing in it may decide about a
 * permission or a packet.
 */
import * as configuration from './configuration.ts';
import * as credentials from './credentials.ts';
import * as devices from './devices.ts';
import * as networks from './networks.ts';
import * as people from './people.ts';
import type { Columns, EntitySpec, RowOf } from './spec.ts';

export const entities = {
  organization: people.organization,
  account: people.account,
  identity: people.identity,
  membership: people.membership,
  membershipSeen: people.membershipSeen,
  membershipNetmaker: people.membershipNetmaker,
  group: people.group,
  groupNetmaker: people.groupNetmaker,
  groupMember: people.groupMember,
  networkRole: people.networkRole,
  networkRoleNetmaker: people.networkRoleNetmaker,
  groupNetworkRole: people.groupNetworkRole,
  invitation: people.invitation,
  mailing: people.mailing,
  serviceAccount: people.serviceAccount,
  ssoConnection: people.ssoConnection,
  credential: credentials.credential,
  credentialSeen: credentials.credentialSeen,
  session: credentials.session,
  programLogin: credentials.programLogin,
  passwordLink: credentials.passwordLink,
  signingKey: credentials.signingKey,
  device: devices.device,
  deviceLogin: devices.deviceLogin,
  sshCheck: devices.sshCheck,
  sshProof: devices.sshProof,
  certChallenge: devices.certChallenge,
  deviceLive: devices.deviceLive,
  presence: devices.presence,
  deviceTag: devices.deviceTag,
  deviceAttribute: devices.deviceAttribute,
  attributeType: devices.attributeType,
  address: devices.address,
  route: devices.route,
  routePrimary: devices.routePrimary,
  resolvedName: devices.resolvedName,
  service: devices.service,
  serviceHost: devices.serviceHost,
  deviceShare: devices.deviceShare,
  shareAccept: devices.shareAccept,
  sharedDevice: devices.sharedDevice,
  serialNumber: devices.serialNumber,
  postureIntegration: devices.postureIntegration,
  network: networks.network,
  networkTwingate: networks.networkTwingate,
  networkNetmaker: networks.networkNetmaker,
  gateway: networks.gateway,
  gatewayTwingate: networks.gatewayTwingate,
  gatewayNetmaker: networks.gatewayNetmaker,
  resource: networks.resource,
  resourceTwingate: networks.resourceTwingate,
  resourceLabel: networks.resourceLabel,
  resourceApprover: networks.resourceApprover,
  proxy: networks.proxy,
  certificateAuthority: networks.certificateAuthority,
  accessEdge: networks.accessEdge,
  accessLock: networks.accessLock,
  accessRequest: networks.accessRequest,
  securityPolicy: networks.securityPolicy,
  extClient: networks.extClient,
  extClientNetmaker: networks.extClientNetmaker,
  extClientLive: networks.extClientLive,
  gatewayAgent: networks.gatewayAgent,
  gatewayAgentLive: networks.gatewayAgentLive,
  dnsConfig: configuration.dnsConfig,
  dnsFilterProfile: configuration.dnsFilterProfile,
  dnsFilterGroup: configuration.dnsFilterGroup,
  policyVersion: configuration.policyVersion,
  setting: configuration.setting,
  contact: configuration.contact,
  webhook: configuration.webhook,
  delivery: configuration.delivery,
  logStream: configuration.logStream,
  awsExternalId: configuration.awsExternalId,
  oauthApp: configuration.oauthApp,
  namedRequest: configuration.namedRequest,
} as const satisfies Readonly<Record<string, EntitySpec<Columns>>>;

type Entities = typeof entities;

/** The name of a kind of entity. */
export type EntityKind = keyof Entities;

/** The row of a kind. */
export type Row<K extends EntityKind> = RowOf<Entities[K]['columns']>;

/** The primary key of a kind, without the organization. */
export type KeyOf<K extends EntityKind> = Pick<Row<K>, Entities[K]['key'][number] & keyof Row<K>>;

/** Kinds whose key is their integer id. */
export type IdentifiedKind = { [K in EntityKind]: Row<K> extends { id: number } ? K : never }[EntityKind];

export const isEntityKind = (name: string): name is EntityKind => Object.hasOwn(entities, name);

/** The key of a row as text, its parts joined by '/': what the change feed calls a row. */
export function keyTextOf<K extends EntityKind>(kind: K, row: Row<K>): string {
  const names: readonly string[] = entities[kind].key;
  const values: Readonly<Record<string, unknown>> = row;
  return names.map((name) => String(values[name])).join('/');
}
