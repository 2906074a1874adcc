/** Webhook events in the form of this API: what is sent to endpoints. */
import { encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Organization, Role } from '../../domain/model/people.ts';
import { deviceFqdn, loginName } from '../../domain/organizations/names.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import type { QueuedEntry } from '../../domain/ports/webhook-queue.ts';
import { type DeviceFact, entryOf, type WebhookEvent } from '../../domain/webhooks/webhook-events.ts';
import type { EncodedEvent } from '../../jobs/webhooks/message.ts';
import { wireTime } from './times.ts';
import { wireRole } from './users.ts';

const VERSION = 1;

export interface WebhookEncoderParts {
  readonly store: Store;
  /** Where people look at what the event is about. */
  readonly url: string;
}

type Data = Readonly<Record<string, unknown>>;

interface Told {
  readonly message: string;
  readonly data?: Data;
}

/** Reads what the event itself does not hold: names of owners, texts of policies. */
export function createWebhookEncoder({ store, url }: WebhookEncoderParts) {
  const ownerOf = async (org: number, device: DeviceFact): Promise<string> => {
    if (device.ownerLogin !== undefined) return device.ownerLogin;
    if (device.ownerKind === 'membership') {
      const member = await store.get('membership', org, device.owner);
      return member === undefined ? '' : loginName(member);
    }
    const tags =
      device.tags ?? (await store.find('deviceTag', org, { device: device.id })).map(({ tag }) => tag);
    return tags.toSorted().join(',');
  };

  const policyText = async (org: number, version: number): Promise<string> =>
    (await store.find('policyVersion', org, { version }, 1))[0]?.text ?? '';

  const tell = async (event: WebhookEvent, organization: Organization, actor: string): Promise<Told> => {
    const org = organization.id;
    const common = { url, actor };
    switch (event.type) {
      case 'test':
        return { message: 'This is a test event' };
      case 'webhookUpdated':
        return { message: 'Webhook updated', data: common };
      case 'webhookDeleted':
        return { message: 'Webhook deleted', data: common };
      case 'policyUpdate': {
        const [newPolicy, oldPolicy] = await Promise.all([
          policyText(org, event.version),
          policyText(org, event.version - 1),
        ]);
        return { message: 'Tailnet policy file updated', data: { newPolicy, oldPolicy, ...common } };
      }
      case 'userCreated':
      case 'userNeedsApproval':
      case 'userSuspended':
      case 'userRestored':
      case 'userDeleted':
      case 'userApproved':
      case 'userRoleUpdated':
        return {
          message: USER_MESSAGES[event.type](event.user),
          data: {
            user: event.user,
            ...common,
            ...(event.oldRole === undefined ? {} : { oldRoles: rolesOf(event.oldRole) }),
            ...(event.newRole === undefined ? {} : { newRoles: rolesOf(event.newRole) }),
          },
        };
      default: {
        const { device } = event;
        const deviceName = deviceFqdn(organization, device.label);
        return {
          message: NODE_MESSAGES[event.type](deviceName),
          data: {
            nodeID: encodeExternalId('device', device.id),
            deviceName,
            managedBy: await ownerOf(org, device),
            ...common,
            ...(device.keyExpiresAt === null ? {} : { expiration: wireTime(device.keyExpiresAt) }),
          },
        };
      }
    }
  };

  return async (entry: QueuedEntry): Promise<readonly EncodedEvent[]> => {
    const organization = await store.get('organization', INSTALLATION, entry.org);
    if (organization === undefined) return [];
    const { actor, events } = entryOf(entry.payload);
    const encoded: EncodedEvent[] = [];
    for (const event of events) {
      const { message, data } = await tell(event, organization, actor);
      const wire = {
        timestamp: new Date(entry.createdAt).toISOString(),
        version: VERSION,
        type: event.type,
        tailnet: organization.tailnetName,
        message,
        ...(data === undefined ? {} : { data }),
      };
      encoded.push({
        type: event.type,
        message: `${message} (${organization.tailnetName})`,
        json: JSON.stringify(wire),
      });
    }
    return encoded;
  };
}

const rolesOf = (role: Role): readonly string[] => [wireRole(role)];

type NodeType = Extract<WebhookEvent, { readonly device: DeviceFact }>['type'];
const NODE_MESSAGES: Readonly<Record<NodeType, (name: string) => string>> = {
  nodeCreated: (name) => `Node ${name} was added`,
  nodeNeedsApproval: (name) => `Node ${name} needs approval`,
  nodeApproved: (name) => `Node ${name} was approved`,
  nodeKeyExpiringInOneDay: (name) => `The key of node ${name} expires within a day`,
  nodeKeyExpired: (name) => `The key of node ${name} has expired`,
  nodeDeleted: (name) => `Node ${name} was removed`,
};

type UserType = Extract<WebhookEvent, { readonly user: string }>['type'];
const USER_MESSAGES: Readonly<Record<UserType, (user: string) => string>> = {
  userCreated: (user) => `User ${user} joined`,
  userNeedsApproval: (user) => `User ${user} needs approval`,
  userSuspended: (user) => `User ${user} was suspended`,
  userRestored: (user) => `User ${user} was restored`,
  userDeleted: (user) => `User ${user} was removed`,
  userApproved: (user) => `User ${user} was approved`,
  userRoleUpdated: (user) => `The role of user ${user} was changed`,
};
