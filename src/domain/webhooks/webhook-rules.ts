/** Which endpoints and events a webhook may have. */
import { invalid } from '../../kernel/errors.ts';

const WEBHOOK_EVENTS = [
  ...['nodeCreated', 'nodeNeedsApproval', 'nodeApproved', 'nodeKeyExpiringInOneDay', 'nodeKeyExpired'],
  ...['nodeDeleted', 'nodeSigned', 'nodeNeedsSignature', 'policyUpdate', 'userCreated', 'userNeedsApproval'],
  ...['userSuspended', 'userRestored', 'userDeleted', 'userApproved', 'userRoleUpdated'],
  ...['subnetIPForwardingNotEnabled', 'exitNodeIPForwardingNotEnabled'],
  // Categories take in events that are yet to come.
  ...['categoryTailnetManagement', 'categoryDeviceMisconfigurations'],
] as const;
/** Sent to every endpoint, whether or not it asked. */
const ALWAYS_SENT: ReadonlySet<string> = new Set(['test', 'webhookUpdated', 'webhookDeleted']);
const EVENTS: ReadonlySet<string> = new Set(WEBHOOK_EVENTS);

const PROVIDERS: ReadonlySet<string> = new Set(['', 'slack', 'mattermost', 'googlechat', 'discord']);
const PORTS: ReadonlySet<string> = new Set(['', '80', '443']);
const MAX_URL = 2_000;

export function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || text.length > MAX_URL || !/^https?:$/u.test(url.protocol)) {
    throw invalid('endpointUrl: expected an http or https URL', 'endpointUrl');
  }
  if (!PORTS.has(url.port)) throw invalid('endpointUrl: the port must be 80 or 443', 'endpointUrl');
  if (url.username !== '' || url.password !== '') {
    throw invalid('endpointUrl: a URL with a user name would show it to everybody', 'endpointUrl');
  }
  return text;
}

export function checkProvider(text: string): string {
  if (!PROVIDERS.has(text)) {
    throw invalid(
      'providerType must be one of slack, mattermost, googlechat, discord, or empty',
      'providerType',
    );
  }
  return text;
}

/** Each event once, in the order given. */
export function checkSubscriptions(events: readonly string[]): readonly string[] {
  if (events.length === 0) throw invalid('subscriptions: at least one event is required', 'subscriptions');
  const unknown = events.find((event) => !EVENTS.has(event) && !ALWAYS_SENT.has(event));
  if (unknown !== undefined) throw invalid(`subscriptions: unknown event "${unknown}"`, 'subscriptions');
  return [...new Set(events)];
}
