/**
 * Works through one kind of the outbox: claims what is due, a few at a time, tries again later what failed, and gives up
 * what fails for good. Processes share it by its locks; whoever dies leaves its items to the others.
 */
import type { ClaimedOutbox, Failure, Outbox } from '../domain/ports/outbox.ts';
import type { OutboxEntry } from '../domain/ports/store.ts';
import { type Clock, MINUTE, SECOND } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { retryDelay } from './backoff.ts';

/** Thrown by a handler for what no further try would change. */
export class PermanentFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PermanentFailure';
  }
}

export interface WorkerParts {
  readonly outbox: Outbox;
  readonly kind: OutboxEntry['kind'];
  /**
   * Does the work; must bear being done twice. `signal` aborts when the item passed to another process or this one stops.
   * Its message, when it throws, is kept with the item.
   */
  readonly handle: (item: ClaimedOutbox, signal: AbortSignal) => Promise<void>;
  /** Names the process. */
  readonly holder: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Failures of the outbox itself. */
  readonly onError: (error: unknown) => void;
  /** Tries before an item is given up. */
  readonly maxAttempts: number;
  readonly concurrency?: number;
  readonly lockMs?: number;
  readonly pollMs?: number;
}

export interface Worker {
  start(): void;
  /** Takes nothing new; what is under way has a moment to end, and is then aborted and left to others. */
  close(): Promise<void>;
}

const CONCURRENCY = 8;
const LOCK_MS = MINUTE;
const POLL_MS = SECOND;
const CLOSE_GRACE_MS = 5 * SECOND;
/** How many times a lock is renewed before it would expire. */
const RENEWALS = 3;

export function createWorker(parts: WorkerParts): Worker {
  const { outbox, kind, handle, holder, clock, random, onError, maxAttempts } = parts;
  const { concurrency = CONCURRENCY, lockMs = LOCK_MS, pollMs = POLL_MS } = parts;
  const running = new Map<Promise<void>, AbortController>();
  let closed = false;
  let looping: Promise<void> = Promise.resolve();
  let wakeUp = (): void => undefined;

  const failureOf = (item: ClaimedOutbox, error: unknown): Failure => {
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof PermanentFailure || item.attempt >= maxAttempts) return { error: text, dead: true };
    return { error: text, retryAt: clock.now() + retryDelay(item.attempt, random) };
  };

  const work = async (item: ClaimedOutbox, control: AbortController): Promise<void> => {
    const renewal = setInterval(() => {
      outbox.extend(item, lockMs).then((held) => held || control.abort(), onError);
    }, lockMs / RENEWALS);
    try {
      await handle(item, control.signal);
      await outbox.complete(item);
    } catch (error) {
      // Aborted: it is another's now, or will be when the lock expires.
      if (!control.signal.aborted) await outbox.fail(item, failureOf(item, error));
    } finally {
      clearInterval(renewal);
    }
  };

  const begin = (item: ClaimedOutbox): void => {
    const control = new AbortController();
    const done = work(item, control)
      .catch(onError)
      .finally(() => {
        running.delete(done);
        wakeUp();
      });
    running.set(done, control);
  };

  /** Until there may be something to do. */
  const pause = (ms: number | undefined): Promise<void> =>
    new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      timer?.unref();
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const loop = async (): Promise<void> => {
    while (!closed) {
      const limit = concurrency - running.size;
      if (limit === 0) {
        await pause(undefined);
        continue;
      }
      try {
        const items = await outbox.claim(kind, { holder, limit, lockMs });
        for (const item of items) begin(item);
        if (items.length === limit) continue;
      } catch (error) {
        onError(error);
      }
      if (!closed) await pause(pollMs);
    }
  };

  const settled = (): Promise<unknown> => Promise.all(running.keys());

  return {
    start: () => {
      looping = loop();
    },
    close: async () => {
      closed = true;
      wakeUp();
      await looping;
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_GRACE_MS);
      });
      await Promise.race([settled(), grace]);
      clearTimeout(timer);
      for (const control of running.values()) control.abort();
      await settled();
    },
  };
}
