/** The sending of webhooks, put together for this process. */
import { createWebhookEncoder } from '../api/tailscale/webhook-messages.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import { createOutgoing } from '../jobs/outgoing/exchange.ts';
import { createDispatcher } from '../jobs/webhooks/dispatcher.ts';
import { createKeyExpiry } from '../jobs/webhooks/key-expiry.ts';
import { createExpiryFinder } from '../store/expiry-finder.ts';
import { createNamedLease } from '../store/named-lease.ts';
import { createWebhookQueue } from '../store/webhook-queue.ts';
import type { Installation } from './installation.ts';
import type { Services } from './services.ts';

export interface WebhooksParts {
  readonly installation: Installation;
  readonly services: Services;
  readonly sealer: Sealer;
  readonly allowPrivate: boolean;
  /** Names the process. */
  readonly holder: string;
  /** Where people look at what an event is about. */
  readonly url: string;
  readonly onError: (error: unknown) => void;
}

export interface Webhooks {
  start(): void;
  close(): Promise<void>;
}

export function createWebhooks(parts: WebhooksParts): Webhooks {
  const { installation, services, sealer, allowPrivate, holder, url, onError } = parts;
  const { engine, store } = installation;
  const { clock, random, facts } = services;
  const dispatcher = createDispatcher({
    store,
    queue: createWebhookQueue({ engine, store }),
    sealer,
    clock,
    random,
    outgoing: createOutgoing({ allowPrivate, userAgent: 'holdfast-webhook' }),
    encode: createWebhookEncoder({ store, url }),
    lease: createNamedLease({ engine, name: 'webhooks', holder }),
    feed: store.feed,
    onError,
  });
  const expiry = createKeyExpiry({
    store,
    finder: createExpiryFinder(engine),
    facts,
    lease: createNamedLease({ engine, name: 'webhook-key-expiry', holder }),
    clock,
    onError,
  });
  return {
    start: () => {
      dispatcher.start();
      expiry.start();
    },
    close: async () => {
      await Promise.all([dispatcher.close(), expiry.close()]);
    },
  };
}
