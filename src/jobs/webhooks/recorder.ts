/** Collects what came of deliveries for a moment, so that many endpoints share one transaction. */
import type { DeliveryOutcome, WebhookQueue } from '../../domain/ports/webhook-queue.ts';

const COLLECT_MS = 25;

export interface Recorder {
  /** Resolves when it is in the database. */
  record(outcome: DeliveryOutcome): Promise<void>;
}

export function createRecorder(queue: Pick<WebhookQueue, 'record'>): Recorder {
  let collected: DeliveryOutcome[] = [];
  let flush: Promise<void> | undefined;

  const flushSoon = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
    const outcomes = collected;
    collected = [];
    flush = undefined;
    await queue.record(outcomes);
  };

  return {
    record: (outcome) => {
      collected.push(outcome);
      flush ??= flushSoon();
      return flush;
    },
  };
}
