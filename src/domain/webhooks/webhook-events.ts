/**
 * Which changes are told to webhooks. One outbox row a write, whatever the number of endpoints, made from the changes
 * themselves: so no way of making a change, in any dialect, can forget to tell.
 */
import { keyEnd } from '../devices/key-expiry.ts';
import type { Device } from '../model/devices.ts';
import type { Row } from '../model/entities.ts';
import type { Membership, Role } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import type { Change, DeriveOutbox, WriteOutcome } from '../ports/store.ts';

/** A device as it was told of. Of a removed one nothing else is left. */
export interface DeviceFact {
  readonly id: number;
  readonly label: string;
  readonly ownerKind: Device['ownerKind'];
  readonly owner: number;
  readonly keyExpiresAt: number | null;
  /** Tags that the same write gave or took; absent: ask. */
  readonly tags?: readonly string[];
  /** The login of an owner that the same write removed. */
  readonly ownerLogin?: string;
}

export type NodeEventType =
  | 'nodeCreated'
  | 'nodeNeedsApproval'
  | 'nodeApproved'
  | 'nodeKeyExpiringInOneDay'
  | 'nodeKeyExpired'
  | 'nodeDeleted';
type UserEventType =
  | 'userCreated'
  | 'userNeedsApproval'
  | 'userSuspended'
  | 'userRestored'
  | 'userDeleted'
  | 'userApproved'
  | 'userRoleUpdated';

export type WebhookEvent =
  | { readonly type: NodeEventType; readonly device: DeviceFact }
  | { readonly type: UserEventType; readonly user: string; readonly oldRole?: Role; readonly newRole?: Role }
  | { readonly type: 'policyUpdate'; readonly version: number }
  | { readonly type: 'test' | 'webhookUpdated' | 'webhookDeleted' };

/** What an endpoint needs to hear that it is gone. */
export type GoneEndpoint = Pick<
  Row<'webhook'>,
  'org' | 'id' | 'url' | 'providerType' | 'subscriptions' | 'secretSealed'
>;

/** The payload of an outbox row of kind `webhook`. Its target is an endpoint's id, or '' for all. */
export interface WebhookEntry {
  /** Who did it, as text. */
  readonly actor: string;
  readonly events: readonly WebhookEvent[];
  /** With the last event of an endpoint. */
  readonly gone?: GoneEndpoint;
  /** The endpoint was made by this write: what was before is not for it. */
  readonly begins?: true;
}

/** For all endpoints. */
export const TO_ALL = '';

export const deriveWebhookEvents: DeriveOutbox = (outcome) => {
  const events = outcome.changes.flatMap((change) => eventsOf(change, outcome));
  if (events.length === 0) return [];
  const payload: WebhookEntry = { actor: outcome.by.name, events };
  return [{ kind: 'webhook', target: TO_ALL, payload, onlyWith: 'webhook' }];
};

function eventsOf(change: Change, outcome: WriteOutcome): readonly WebhookEvent[] {
  if (change.kind === 'device') return deviceEvents(change, outcome);
  if (change.kind === 'membership') return memberEvents(change);
  if (change.kind === 'policyVersion') {
    // The first version comes with the organization.
    const version = change.before === null ? (change.after?.version ?? 1) : 1;
    return version > 1 ? [{ type: 'policyUpdate', version }] : [];
  }
  return [];
}

function deviceEvents({ before, after }: Change<'device'>, outcome: WriteOutcome): readonly WebhookEvent[] {
  const types: NodeEventType[] = [];
  const waits = after !== null && after.authorizedAt === null;
  if (before === null) types.push('nodeCreated', ...(waits ? (['nodeNeedsApproval'] as const) : []));
  else if (after === null) types.push('nodeDeleted');
  else if (before.authorizedAt === null && !waits) types.push('nodeApproved');
  else if (before.authorizedAt !== null && waits) types.push('nodeNeedsApproval');
  const row = after ?? before;
  if (row === null || types.length === 0) return [];
  const device = { ...deviceFactOf(row), ...factsOfWrite(row, outcome) };
  return types.map((type) => ({ type, device }));
}

export const deviceFactOf = (row: Device): DeviceFact => ({
  id: row.id,
  label: row.label,
  ownerKind: row.ownerKind,
  owner: row.owner,
  keyExpiresAt: keyEnd(row),
});

/** What the write itself says about a device's tags and owner, since later nobody may know. */
function factsOfWrite(device: Device, { changes }: WriteOutcome): Pick<DeviceFact, 'tags' | 'ownerLogin'> {
  const tags: string[] = [];
  let ownerLogin: string | undefined;
  for (const change of changes) {
    if (change.kind === 'deviceTag') {
      const row = change.after ?? change.before;
      if (row?.device === device.id) tags.push(row.tag);
    } else if (change.kind === 'membership') {
      const { before, after } = change;
      if (after === null && before !== null && before.id === device.owner) ownerLogin = loginName(before);
    }
  }
  return { ...(tags.length === 0 ? {} : { tags }), ...(ownerLogin === undefined ? {} : { ownerLogin }) };
}

/** Invited people are no users yet. */
function memberEvents({ before, after }: Change<'membership'>): readonly WebhookEvent[] {
  const member: Membership | null = after ?? before;
  if (member === null || member.joinedAt === null) return [];
  const user = loginName(member);
  const event = (type: UserEventType): WebhookEvent => ({ type, user });
  if (after === null) return [event('userDeleted')];
  if (before === null || before.joinedAt === null) {
    return [event('userCreated'), ...(after.approvedAt === null ? [event('userNeedsApproval')] : [])];
  }
  const events: WebhookEvent[] = [];
  if (before.approvedAt === null && after.approvedAt !== null) events.push(event('userApproved'));
  if (before.suspendedAt === null && after.suspendedAt !== null) events.push(event('userSuspended'));
  if (before.suspendedAt !== null && after.suspendedAt === null) events.push(event('userRestored'));
  if (before.role !== after.role) {
    events.push({ type: 'userRoleUpdated', user, oldRole: before.role, newRole: after.role });
  }
  return events;
}

/** Reads a payload back. */
export function entryOf(payload: unknown): WebhookEntry {
  const entry = payload as Partial<WebhookEntry> | null;
  // Rows are written by this file and the webhook service alone; one that is not is told to nobody.
  return Array.isArray(entry?.events) ? (entry as WebhookEntry) : { actor: '', events: [] };
}
