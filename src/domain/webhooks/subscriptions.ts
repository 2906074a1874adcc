/** Who hears of what. */
import type { WebhookEvent } from './webhook-events.ts';

/** Sent to every endpoint, whether or not it asked. */
const ALWAYS: ReadonlySet<string> = new Set<WebhookEvent['type']>([
  'test',
  'webhookUpdated',
  'webhookDeleted',
]);

/** Everything of this program is about managing the network; nothing yet finds misconfigured devices. */
const CATEGORY_OF_ALL = 'categoryTailnetManagement';

export const isSubscribed = (subscriptions: readonly string[], type: string): boolean =>
  ALWAYS.has(type) || subscriptions.some((wanted) => wanted === type || wanted === CATEGORY_OF_ALL);
