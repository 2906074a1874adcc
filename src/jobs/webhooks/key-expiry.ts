/**
 * Tells webhooks of keys that ended and of those that end within a day. Nobody writes anything at that moment, so this
 * looks from time to time at the stretch since it last looked. A crash between telling and noting tells twice.
 */
import type { InstallationFacts } from '../../domain/ports/installation-facts.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { ExpiryFinder, NamedLease } from '../../domain/ports/webhook-queue.ts';
import {
  deviceFactOf,
  type NodeEventType,
  TO_ALL,
  type WebhookEntry,
} from '../../domain/webhooks/webhook-events.ts';
import { type Clock, DAY, MINUTE, SECOND } from '../../kernel/clock.ts';
import { createPeriodic } from '../periodic.ts';

export interface KeyExpiryParts {
  readonly store: Pick<Store, 'write'>;
  readonly finder: ExpiryFinder;
  /** Keep up to when it was looked. */
  readonly facts: InstallationFacts;
  readonly lease: NamedLease;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
}

export interface KeyExpiry {
  start(): void;
  close(): Promise<void>;
}

const EVERY_MS = 30 * SECOND;
/** A write that gives a key an end at this very moment is seen a little later. */
const MARGIN_MS = 5 * SECOND;
/** After a long stop nobody wants to hear of all that ended meanwhile. */
const LOOK_BACK_MS = DAY;
const PAGE = 500;
const POSITION_FACT = 'webhook-key-expiry-position';
const BY = { kind: 'system', id: '', name: 'holdfast' } as const;

export function createKeyExpiry(parts: KeyExpiryParts): KeyExpiry {
  const { store, finder, facts, lease, clock, onError, everyMs = EVERY_MS } = parts;
  const tell = async (type: NodeEventType, from: number, to: number): Promise<void> => {
    for (let after: { readonly org: number; readonly id: number } | undefined; ; ) {
      const devices = await finder.ending(from, to, after, PAGE);
      for (const [org, own] of Map.groupBy(devices, (device) => device.org)) {
        const payload: WebhookEntry = {
          actor: BY.name,
          events: own.map((device) => ({ type, device: deviceFactOf(device) })),
        };
        await store.write({ orgs: [org], by: BY, origin: 'system', ids: 1 }, async (tx) =>
          tx.enqueue(org, { kind: 'webhook', target: TO_ALL, payload, onlyWith: 'webhook' }),
        );
      }
      after = devices.at(-1);
      if (after === undefined || devices.length < PAGE) return;
    }
  };

  const position = async (otherwise: number): Promise<number> => {
    const text = await facts.get(POSITION_FACT);
    return text === undefined ? otherwise : Number(text);
  };

  const sweep = async (): Promise<void> => {
    if (!(await lease.hold(everyMs + MINUTE))) return;
    const to = clock.now() - MARGIN_MS;
    const from = Math.max(await position(to), to - LOOK_BACK_MS);
    await tell('nodeKeyExpiringInOneDay', from + DAY, to + DAY);
    await tell('nodeKeyExpired', from, to);
    await facts.set(POSITION_FACT, String(to));
  };

  const periodic = createPeriodic({ work: sweep, everyMs, onError });
  return {
    start: periodic.start,
    close: async () => {
      await periodic.close();
      await lease.release();
    },
  };
}
