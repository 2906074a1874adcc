/** Endpoints that are told of events. What is sent goes through the outbox; here is who gets what. */
import { AppError, notFound } from '../../kernel/errors.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { SealedPlace, Sealer } from '../ports/sealer.ts';
import type { Store, Tx } from '../ports/store.ts';
import type { WebhookEntry } from './webhook-events.ts';
import { checkEndpoint, checkProvider, checkSubscriptions } from './webhook-rules.ts';

export type Webhook = Row<'webhook'>;

export interface WebhookWithSecret {
  readonly webhook: Webhook;
  /** Signs what is sent; shown by the call that makes it and by no other. */
  readonly secret: string;
}

export interface WebhookService {
  list(actor: Actor): Promise<readonly Webhook[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, id: number): Promise<Webhook>;
  /** Errors: `invalid`, `too_large`. */
  create(
    actor: Actor,
    input: { readonly url: string; readonly providerType: string; readonly subscriptions: readonly string[] },
    origin: AuditOrigin,
  ): Promise<WebhookWithSecret>;
  setSubscriptions(
    actor: Actor,
    id: number,
    subscriptions: readonly string[],
    origin: AuditOrigin,
  ): Promise<Webhook>;
  rotate(actor: Actor, id: number, origin: AuditOrigin): Promise<WebhookWithSecret>;
  /** Queues a test event. */
  test(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

const MAX_WEBHOOKS = 200;
const SECRET_PREFIX = 'tskey-webhook-';

export const webhookSecretPlace = (webhook: Pick<Webhook, 'org' | 'id'>): SealedPlace => ({
  kind: 'webhook',
  org: webhook.org,
  key: webhook.id,
  column: 'secretSealed',
});

export interface WebhookServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly sealer: Sealer;
}

export function createWebhookService({ store, random, sealer }: WebhookServiceParts): WebhookService {
  const newSecret = (): string => `${SECRET_PREFIX}${randomSecret(random)}`;
  const change = <T>(
    actor: Actor,
    id: number,
    origin: AuditOrigin,
    work: (tx: Tx, webhook: Webhook) => Promise<T>,
  ): Promise<T> => {
    authorize(actor, 'webhooks:write');
    return store.write(contextOf(actor, origin), async (tx) => {
      const webhook = await tx.get('webhook', actor.org, id);
      if (webhook === undefined) throw notFound('webhook');
      return work(tx, webhook);
    });
  };
  /** Told to the endpoint itself, whatever it subscribed to. */
  const tell = (tx: Tx, actor: Actor, webhook: Webhook, entry: Omit<WebhookEntry, 'actor'>): void => {
    const payload: WebhookEntry = { actor: byColumnsOf(actor).byName, ...entry };
    tx.enqueue(webhook.org, { kind: 'webhook', target: String(webhook.id), payload });
  };

  return {
    list: (actor) => {
      authorize(actor, 'webhooks:read');
      return store.find('webhook', actor.org, {});
    },
    get: async (actor, id) => {
      authorize(actor, 'webhooks:read');
      const webhook = await store.get('webhook', actor.org, id);
      if (webhook === undefined) throw notFound('webhook');
      return webhook;
    },
    create: (actor, input, origin) => {
      authorize(actor, 'webhooks:write');
      const url = checkEndpoint(input.url);
      const providerType = checkProvider(input.providerType);
      const subscriptions = checkSubscriptions(input.subscriptions);
      return store.write(contextOf(actor, origin), async (tx) => {
        if ((await tx.count('webhook', actor.org)) >= MAX_WEBHOOKS) {
          throw new AppError('too_large', `at most ${MAX_WEBHOOKS} webhooks are allowed`);
        }
        const id = tx.newId();
        const secret = newSecret();
        const webhook = await tx.insert('webhook', {
          org: actor.org,
          id,
          url,
          providerType,
          subscriptions,
          secretSealed: sealer.seal(secret, webhookSecretPlace({ org: actor.org, id })),
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        tell(tx, actor, webhook, { events: [], begins: true });
        audit(tx, webhook, 'create', { after: shown(webhook) });
        return { webhook, secret };
      });
    },
    setSubscriptions: (actor, id, events, origin) =>
      change(actor, id, origin, async (tx, before) => {
        const subscriptions = checkSubscriptions(events);
        if (JSON.stringify(subscriptions) === JSON.stringify(before.subscriptions)) return before;
        const webhook = await tx.update('webhook', actor.org, id, { subscriptions, updatedAt: tx.now });
        tell(tx, actor, webhook, { events: [{ type: 'webhookUpdated' }] });
        audit(tx, webhook, 'update', {
          field: 'subscriptions',
          before: before.subscriptions,
          after: subscriptions,
        });
        return webhook;
      }),
    rotate: (actor, id, origin) =>
      change(actor, id, origin, async (tx, before) => {
        const secret = newSecret();
        const secretSealed = sealer.seal(secret, webhookSecretPlace(before));
        const webhook = await tx.update('webhook', actor.org, id, { secretSealed, updatedAt: tx.now });
        audit(tx, webhook, 'update', { field: 'secret' });
        return { webhook, secret };
      }),
    test: (actor, id, origin) =>
      change(actor, id, origin, async (tx, webhook) => {
        tell(tx, actor, webhook, { events: [{ type: 'test' }] });
      }),
    remove: (actor, id, origin) =>
      change(actor, id, origin, async (tx, webhook) => {
        await tx.remove('webhook', actor.org, id);
        tell(tx, actor, webhook, { events: [{ type: 'webhookDeleted' }], gone: webhook });
        audit(tx, webhook, 'delete', { before: shown(webhook) });
      }),
  };
}

const shown = ({ providerType, subscriptions }: Webhook): object => ({ providerType, subscriptions });

function audit(
  tx: Tx,
  webhook: Webhook,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(webhook.org, {
    verb,
    objectKind: 'webhook',
    objectId: webhook.id,
    objectName: webhook.url,
    ...change,
  });
}
