import { entity, integer, json, nullable, type RowOf, text, time } from './spec.ts';

/**
 * Who did something: a person, a service account, a device, a credential of the organization, or the program itself.
 * Kept as text, so that it outlives what it names.
 */
export interface By {
  readonly kind: 'membership' | 'service_account' | 'device' | 'credential' | 'system' | 'cli';
  readonly id: string;
  readonly name: string;
}

export type AuditOrigin =
  | 'tailscale-api'
  | 'twingate-api'
  | 'netmaker-api'
  | 'keycard-api'
  | 'native-api'
  | 'control'
  | 'cli'
  | 'system';

const AUDIT_VERBS = [
  'create',
  'update',
  'delete',
  'revoke',
  'approve',
  'suspend',
  'restore',
  'enable',
  'disable',
  'accept',
  'expire',
  'login',
  'logout',
  'join',
  'resend',
  'verify',
  'consume',
] as const;
export type AuditVerb = (typeof AUDIT_VERBS)[number];

/** The tables that the store keeps for itself; they are written with every change and never through an entity call. */

export const auditEvent = entity(
  {
    seq: integer(),
    prevHash: text(),
    hash: text(),
    at: time(),
    byKind: text(),
    byId: text(),
    byName: text(),
    origin: text<AuditOrigin>(),
    verb: text<AuditVerb>(),
    objectKind: text(),
    objectId: text(),
    objectName: text(),
    field: nullable(text()),
    before: nullable(text()),
    after: nullable(text()),
    network: nullable(integer()),
    details: nullable(text()),
  },
  { key: ['seq'], indexes: [['at']] },
);
export type AuditEvent = RowOf<typeof auditEvent.columns>;

/** The change feed. `before` and `after` are the coded row as JSON text; volatile kinds keep no `before`. */
export const change = entity(
  {
    seq: integer(),
    kind: text(),
    key: text(),
    before: nullable(text()),
    after: nullable(text()),
    at: time(),
  },
  { key: ['seq'], indexes: [['kind', 'key']] },
);

/** The head of an organization's feed and audit chain: its row is the lock under which the organization is written. */
export const organizationHead = entity(
  { seq: integer(), auditSeq: integer(), auditHash: text(), outboxSeq: integer() },
  { key: [] },
);

export const outbox = entity(
  {
    id: integer(),
    /** Rises with the order in which the organization's writes were committed. */
    seq: integer(),
    kind: text<'webhook' | 'mail' | 'log-stream'>(),
    target: text(),
    payload: json<unknown>(),
    createdAt: time(),
    /** When it may be tried (again). */
    runAt: time(),
    attempt: integer(),
    lockedBy: nullable(text()),
    lockedUntil: nullable(time()),
    /** When it was given up. */
    dead: nullable(time()),
    lastError: nullable(text()),
  },
  { indexes: [['kind', 'target', 'seq'], ['runAt']], volatile: true },
);

/** How far an endpoint has been sent what the outbox holds for all of them, and when to try it again. */
export const webhookCursor = entity(
  { webhook: integer(), seq: integer(), attempt: integer(), runAt: time() },
  { key: ['webhook'], volatile: true },
);

/**
 * Flows of packets, as devices report them. Too many for the change feed, and nobody follows them: written and read by
 * plain statements. `seq` rises with the order of commits.
 */
export const flowLog = entity(
  {
    seq: integer(),
    device: integer(),
    loggedAt: time(),
    startAt: time(),
    endAt: time(),
    /** Of `traffic`, as text. */
    bytes: integer(),
    traffic: json<unknown>(),
  },
  { key: ['seq'], indexes: [['loggedAt', 'seq']], volatile: true },
);

/** What an organization's flow logs take, and how many were sent in another device's name. */
export const flowLogHead = entity(
  { seq: integer(), bytes: integer(), spoofed: integer() },
  { key: [], volatile: true },
);

/** How far a log stream has come, and what became of it. `since` is the stream's `createdAt`: another stream, another place. */
export const logStreamCursor = entity(
  {
    logType: text<'configuration' | 'network'>(),
    since: time(),
    seq: integer(),
    attempt: integer(),
    runAt: time(),
    /** The stream's `updatedAt` when it was last tried: what was changed since is tried at once. */
    triedAt: time(),
    counts: json<Readonly<Record<string, number>>>(),
    lastActivity: nullable(time()),
    lastError: text(),
  },
  { key: ['logType'], volatile: true },
);

/** A named right that one holder has until it expires. Lives in organization 0. */
export const lease = entity(
  { name: text(), holder: text(), fence: integer(), expiresAt: time(), data: text() },
  { key: ['name'], volatile: true },
);

/** Facts of the installation: keys of the server (sealed or file-kept), first-run state. Lives in organization 0. */
export const installation = entity({ name: text(), value: text() }, { key: ['name'] });

/** Integer ids are handed out in blocks, so that making one costs no round trip. */
export const idAllocator = entity({ next: integer() }, { key: [] });
