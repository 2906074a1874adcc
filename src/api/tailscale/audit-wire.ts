/** Audit events in the words of the configuration log: a total map, so that no event is left out. */
import { decodeDecimalId, type ExternalIdKind, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { AuditEvent, AuditOrigin, AuditVerb } from '../../domain/model/operations.ts';
import type { Organization } from '../../domain/model/people.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { tailnetId } from './tailnet.ts';
import { ZERO_TIME } from './times.ts';

/** Of a group's id, as long as the vendor's. */
const GROUP_DIGITS = 32;

const ACTIONS: Readonly<Record<AuditVerb, string>> = {
  create: 'CREATE',
  update: 'UPDATE',
  delete: 'DELETE',
  revoke: 'REVOKE',
  approve: 'APPROVE',
  suspend: 'SUSPEND',
  restore: 'RESTORE',
  enable: 'ENABLE',
  disable: 'DISABLE',
  accept: 'ACCEPT',
  expire: 'EXPIRED',
  login: 'LOGIN',
  logout: 'LOGOUT',
  join: 'CREATE',
  resend: 'RESEND',
  verify: 'VERIFY',
  consume: 'UPDATE',
};

const ORIGINS: Readonly<Record<AuditOrigin, string>> = {
  'tailscale-api': 'CONFIG_API',
  'twingate-api': 'CONFIG_API',
  'netmaker-api': 'CONFIG_API',
  'keycard-api': 'CONFIG_API',
  'native-api': 'ADMIN_CONSOLE',
  control: 'NODE',
  cli: 'CONTROL',
  system: 'CONTROL',
};

/** Kinds with a type of target of their own; all others are things of the tailnet. */
const TARGETS: Readonly<Record<string, { readonly type: string; readonly id?: ExternalIdKind }>> = {
  membership: { type: 'USER', id: 'membership' },
  group: { type: 'GROUP' },
  device: { type: 'NODE', id: 'device' },
  credential: { type: 'API_KEY', id: 'credential' },
  invitation: { type: 'INVITE' },
  deviceShare: { type: 'INVITE' },
  sharedDevice: { type: 'SHARE', id: 'device' },
  shareAccept: { type: 'SHARE', id: 'membership' },
  webhook: { type: 'WEBHOOK_ENDPOINT', id: 'webhook' },
};

/** Properties by kind and field; `''` is the event of the thing as a whole. */
const PROPERTIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  device: {
    enabledRoutes: 'ALLOWED_IPS',
    name: 'MACHINE_NAME',
    tags: 'ACL_TAGS',
    keyExpiry: 'KEY_EXPIRY',
    keyExpiresAt: 'KEY_EXPIRY_TIME',
    authorized: '',
  },
  membership: { role: 'USER_ROLE' },
  policyVersion: { text: 'ACL' },
  dnsConfig: { magicDns: 'MAGIC_DNS' },
  setting: {
    https_enabled: 'HTTPS',
    device_approval: 'MACHINE_APPROVAL_NEEDED',
    user_approval: 'USER_APPROVAL_REQUIRED',
    network_flow_logging: 'NETWORK_FLOW_LOGGING',
    regional_routing: 'GEOSTEERING',
    posture_identity_collection: 'COLLECT_POSTURE_IDENTITY',
    key_days: 'MAX_KEY_DURATION',
  },
  webhook: { secret: 'SECRET', subscriptions: 'SUBSCRIBED_EVENTS' },
};
/** Of these a tailnet has one, so that nobody asks which; an event of another thing of the tailnet says its name. */
const SINGLE_KINDS: ReadonlySet<string> = new Set([
  'organization',
  'policyVersion',
  'dnsConfig',
  'setting',
  'contact',
]);
/** Fields whose values are moments, which the vendor writes as text. */
const MOMENTS: ReadonlySet<string> = new Set(['keyExpiresAt', 'archivedAt']);
/** The parts of the DNS settings share a property, so each value says which part it is, in the words of the API. */
const DNS_PARTS: Readonly<Record<string, string>> = {
  nameservers: 'nameservers',
  split: 'splitDNS',
  searchPaths: 'searchPaths',
  overrideLocal: 'overrideLocalDNS',
};
/** Kinds whose every event has one property. */
const WHOLE_KINDS: Readonly<Record<string, string>> = {
  dnsConfig: 'DNS_CONFIG',
  postureIntegration: 'POSTURE_INTEGRATION',
  logStream: 'LOGSTREAM_ENDPOINT',
  invitation: 'TAILNET_INVITE',
  deviceShare: 'NODE_SHARE',
};

/** `accessEdge` is `ACCESS_EDGE`. */
const constantCase = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9]+/gu, '_')
    .replace(/([a-z0-9])([A-Z])/gu, '$1_$2')
    .toUpperCase();

/** Attributes are the only fields of devices with a namespace. */
const isAttribute = (objectKind: string, field: string | null): boolean =>
  objectKind === 'device' && field?.includes(':') === true;

function propertyOf({ objectKind, objectId, field }: AuditEvent): string {
  if (objectKind === 'contact') return `${objectId.toUpperCase()}_EMAIL`;
  if (isAttribute(objectKind, field)) return 'ATTRIBUTES';
  const known = field === null ? undefined : PROPERTIES[objectKind]?.[field];
  if (known !== undefined) return known;
  if (WHOLE_KINDS[objectKind] !== undefined) return WHOLE_KINDS[objectKind];
  if (field !== null) return constantCase(field);
  return TARGETS[objectKind] === undefined && objectKind !== 'organization' ? constantCase(objectKind) : '';
}

function actionOf({ verb, objectKind, field, before, after }: AuditEvent): string {
  if (isAttribute(objectKind, field) && verb === 'update' && isNone(before)) return 'CREATE';
  if (TARGETS[objectKind]?.type === 'INVITE' && verb === 'revoke') return 'DELETE';
  if (objectKind === 'sharedDevice' && verb === 'accept') return 'CREATE';
  if (objectKind === 'device' && field === 'authorized' && verb === 'update' && after === 'false')
    return 'REVOKE';
  if (objectKind === 'dnsConfig' && field === 'magicDns') return after === 'true' ? 'ENABLE' : 'DISABLE';
  return ACTIONS[verb];
}

const ACTOR_TYPES: Readonly<Record<string, string>> = {
  membership: 'USER',
  device: 'NODE',
  credential: 'OAUTH_CLIENT',
  service_account: 'OAUTH_CLIENT',
};
const ACTOR_IDS: Readonly<Record<string, ExternalIdKind>> = {
  membership: 'membership',
  device: 'device',
  credential: 'credential',
};

function externalId(kind: ExternalIdKind | undefined, text: string): string {
  const id = decodeDecimalId(text);
  return kind === undefined || id === undefined ? text : encodeExternalId(kind, id);
}

type WireEntry = LogEntry & Readonly<Record<string, unknown>>;

/** No value, or a null. */
const isNone = (text: string | null): text is null | 'null' => text === null || text === 'null';

function valueAs(name: 'old' | 'new', { objectKind, field, before, after }: AuditEvent): object {
  const text = name === 'old' ? before : after;
  if (isNone(text)) return {};
  const value: unknown = JSON.parse(text);
  // All attributes have one property, so that which of them it was stands with its value.
  if (field !== null && isAttribute(objectKind, field)) return { [name]: { [field]: value } };
  if (field !== null && MOMENTS.has(field) && typeof value === 'number') {
    return { [name]: new Date(value).toISOString() };
  }
  const part = objectKind === 'dnsConfig' && field !== null ? DNS_PARTS[field] : undefined;
  return { [name]: part === undefined ? value : { [part]: value } };
}

/** Events of ephemeral devices as a whole (coming, going) say that they are. */
function isEphemeral({ objectKind, field, before, after }: AuditEvent): boolean {
  if (objectKind !== 'device' || field !== null) return false;
  const value: unknown = JSON.parse(before ?? after ?? 'null');
  return typeof value === 'object' && value !== null && 'ephemeral' in value && value.ephemeral === true;
}

/** Which thing of the tailnet it was, where the target is the tailnet, and what the author said of it. */
function detailsOf({ objectKind, objectName, details }: AuditEvent): string {
  const name = TARGETS[objectKind] === undefined && !SINGLE_KINDS.has(objectKind) ? objectName : '';
  return [name, details ?? ''].filter((part) => part !== '').join(': ');
}

/** What one write recorded has its time and its author in common, and lies within one organization. */
const groupOf = ({ org, at, byKind, byId, origin }: AuditEvent): string =>
  sha256Hex(JSON.stringify([org, at, byKind, byId, origin])).slice(0, GROUP_DIGITS);

export interface LogEntry {
  readonly actor: {
    readonly id: string;
    readonly type: string;
    readonly loginName: string;
    readonly displayName: string;
  };
  readonly target: {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly isEphemeral?: boolean;
    readonly property?: string;
  };
  readonly action: string;
  readonly actionDetails?: string;
}

export function auditWire(event: AuditEvent, organization: Organization): WireEntry {
  const target = TARGETS[event.objectKind];
  const property = propertyOf(event);
  const details = detailsOf(event);
  return {
    eventTime: new Date(event.at).toISOString(),
    type: 'CONFIG',
    deferredAt: ZERO_TIME,
    eventGroupID: groupOf(event),
    origin: ORIGINS[event.origin],
    actor: {
      // A worker of this program has no id. It gets the name of its kind, since clients take an entry without an actor's id
      // for a broken one, and the whole answer with it.
      id: externalId(ACTOR_IDS[event.byKind], event.byId) || event.byKind,
      type: ACTOR_TYPES[event.byKind] ?? 'AUTOMATED_WORKER',
      loginName: event.byName,
      displayName: event.byName,
    },
    target: {
      id: target === undefined ? tailnetId(organization.id) : externalId(target.id, event.objectId),
      name: target === undefined ? organization.tailnetName : event.objectName,
      type: target?.type ?? 'TAILNET',
      ...(isEphemeral(event) ? { isEphemeral: true } : {}),
      ...(property === '' ? {} : { property }),
    },
    action: actionOf(event),
    ...valueAs('old', event),
    ...valueAs('new', event),
    ...(details === '' ? {} : { actionDetails: details }),
  };
}
