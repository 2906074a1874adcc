/**
 * Lets so much work run at once, one piece of each party at a time and so in turn, however much one of them asks for. Whoever
 * has too much waiting is refused at once, and whatever is not done in its time ends.
 */
import { AppError } from '../kernel/errors.ts';

export interface FairQueue {
  /**
   * Errors: `rate_limited` when too much of this party waits, `unavailable` when the time is over. `signal` tells the work that
   * nobody waits for it any more; its place stays taken until it ends.
   */
  run<T>(party: number, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export interface FairQueueLimits {
  readonly running: number;
  /** Of one party, the one that runs among them. */
  readonly perParty: number;
  /** From the question to its answer. */
  readonly ms: number;
  /** Used to say that the time is over; a sentence. */
  readonly late: string;
  readonly busy: string;
}

const RETRY_SECONDS = 2;

export function createFairQueue(limits: FairQueueLimits): FairQueue {
  const waiting = new Map<number, (() => void)[]>();
  const counts = new Map<number, number>();
  /** Parties with waiting work and none running, in the order of their turns. */
  const turns = new Set<number>();
  const busy = new Set<number>();

  const next = (): void => {
    for (const party of turns) {
      if (busy.size >= limits.running) return;
      turns.delete(party);
      const begin = waiting.get(party)?.shift();
      if (begin === undefined) continue;
      busy.add(party);
      begin();
    }
  };

  const leave = (party: number): void => {
    const left = (counts.get(party) ?? 1) - 1;
    if (left > 0) counts.set(party, left);
    else {
      counts.delete(party);
      waiting.delete(party);
    }
  };

  return {
    run: (party, work) => {
      const count = counts.get(party) ?? 0;
      if (count >= limits.perParty) {
        const details = { retryAfterSeconds: RETRY_SECONDS };
        return Promise.reject(new AppError('rate_limited', limits.busy, { details }));
      }
      counts.set(party, count + 1);
      const end = new AbortController();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const error = new AppError('unavailable', limits.late);
          end.abort(error);
          reject(error);
        }, limits.ms);
        const own = waiting.get(party) ?? [];
        waiting.set(party, own);
        own.push(() => {
          const done = end.signal.aborted ? Promise.resolve() : work(end.signal).then(resolve, reject);
          void done.finally(() => {
            clearTimeout(timer);
            busy.delete(party);
            leave(party);
            if ((waiting.get(party)?.length ?? 0) > 0) turns.add(party);
            next();
          });
        });
        if (!busy.has(party)) turns.add(party);
        next();
      });
    },
  };
}
