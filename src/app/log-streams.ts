/** The delivery of log streams, put together for this process. */
import { createLogReader } from '../api/tailscale/log-messages.ts';
import type { Sealer } from '../domain/ports/sealer.ts';
import { createStreamOpener } from '../jobs/log-streams/open-stream.ts';
import { createStreamDelivery } from '../jobs/log-streams/stream-delivery.ts';
import { createOutgoing } from '../jobs/outgoing/exchange.ts';
import { SECOND } from '../kernel/clock.ts';
import { createFlowLogs } from '../store/flow-logs.ts';
import { createNamedLease } from '../store/named-lease.ts';
import type { Installation } from './installation.ts';
import type { Services } from './services.ts';

export interface LogStreamsParts {
  readonly installation: Installation;
  readonly services: Services;
  readonly sealer: Sealer;
  readonly allowPrivate: boolean;
  /** Names the process. */
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}

export interface LogStreams {
  start(): void;
  close(): Promise<void>;
}

/** Bodies are larger than a webhook's, and buckets further away. */
const TIMEOUT_MS = 30 * SECOND;

export function createLogStreamDelivery(parts: LogStreamsParts): LogStreams {
  const { installation, services, sealer, allowPrivate, holder, onError } = parts;
  const { engine, store } = installation;
  const { clock, random, logStreamQueue: queue, awsRoles: roles } = services;
  const outgoing = createOutgoing({ allowPrivate, userAgent: 'holdfast-log-stream', timeoutMs: TIMEOUT_MS });
  const { exchange } = outgoing;
  const delivery = createStreamDelivery({
    queue,
    entries: createLogReader({ store, flowLogs: createFlowLogs({ engine }) }),
    open: createStreamOpener({ store, sealer, roles, exchange, clock }),
    exchange,
    lease: createNamedLease({ engine, name: 'log-streams', holder }),
    feed: store.feed,
    clock,
    random,
    onError,
  });
  return {
    start: delivery.start,
    close: async () => {
      await delivery.close();
      outgoing.close();
    },
  };
}
