/**
 * What has to be done from time to time and belongs to no request. Every process does it, each at its own moment: whoever
 * comes second finds nothing left to do.
 */
import type { Retention, RetentionWindows } from '../domain/ports/retention.ts';
import { DAY, HOUR, MINUTE } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

const RETENTION: RetentionWindows = {
  volatileMs: HOUR,
  historyMs: 90 * DAY,
  deadMs: 14 * DAY,
  flowLogMs: 30 * DAY,
};

const EVERY_MS = HOUR;
/** Not at the start, when devices come back. */
const FIRST_AFTER_MS = 5 * MINUTE;
const BYTE_VALUES = 256;

export interface Maintenance {
  start(): void;
  /** Resolves when what is under way has ended. */
  close(): Promise<void>;
}

export interface MaintenanceParts {
  readonly retention: Retention;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  readonly firstAfterMs?: number;
  readonly everyMs?: number;
}

export function createMaintenance(parts: MaintenanceParts): Maintenance {
  const { retention, random, onError, firstAfterMs = FIRST_AFTER_MS, everyMs = EVERY_MS } = parts;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let closed = false;

  const schedule = (afterMs: number): void => {
    if (closed) return;
    timer = setTimeout(() => {
      running = retention
        .prune(RETENTION)
        .catch(onError)
        .finally(() => schedule(everyMs));
    }, afterMs);
    timer.unref();
  };

  return {
    start: () => {
      const [byte = 0] = random.bytes(1);
      schedule(firstAfterMs * (1 + byte / BYTE_VALUES));
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
