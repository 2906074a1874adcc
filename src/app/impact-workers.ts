/**
 * Impacts are worked out in threads: an organization of thousands of devices takes seconds of computing, in which this
 * process would neither answer nor write for anybody else. A thread that is not done in time is ended.
 */
import { Worker } from 'node:worker_threads';
import type { NamedImpact } from '../effective-policy/policy-impact.ts';
import { AppError } from '../kernel/errors.ts';
import type { StoreLocation } from '../store/open-store.ts';
import type { ImpactJob } from './impact-job.ts';

export interface ImpactWorkers {
  /**
   * Rejects when `signal` does before the answer is there, and with `unavailable` after the end. As many at once as the
   * caller lets there be.
   */
  ask(job: ImpactJob, signal: AbortSignal): Promise<NamedImpact>;
  close(): Promise<void>;
}

/** Threads are kept for the next question so long. */
const IDLE_MS = 60_000;
/** Memory of a thread; beyond it the thread ends, and not the server. */
const MAX_HEAP_MB = 1_024;

interface Answer {
  readonly impact?: NamedImpact;
  readonly error?: string;
}

export function createImpactWorkers(location: StoreLocation): ImpactWorkers {
  const idle = new Map<Worker, NodeJS.Timeout>();
  const all = new Set<Worker>();
  let closed = false;

  const start = (): Worker => {
    const worker = new Worker(new URL('./impact-thread.ts', import.meta.url), {
      workerData: { location },
      // Not what the process was started with: that is meant for a process.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    all.add(worker);
    worker.on('exit', () => {
      all.delete(worker);
      clearTimeout(idle.get(worker));
      idle.delete(worker);
    });
    // A thread that fails with nobody waiting has nothing to tell: it exits, and the next question starts another.
    worker.on('error', () => undefined);
    return worker;
  };

  const take = (): Worker => {
    const [known] = idle.keys();
    if (known === undefined) return start();
    clearTimeout(idle.get(known));
    idle.delete(known);
    known.ref();
    return known;
  };

  const keep = (worker: Worker): void => {
    const end = setTimeout(() => void worker.terminate(), IDLE_MS);
    end.unref();
    worker.unref();
    idle.set(worker, end);
  };

  return {
    ask: (job, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        // The end of a question is the turn of the next one, which would begin a thread that nobody ends.
        if (closed) throw new AppError('unavailable', 'the server is stopping');
        const worker = take();
        const leave = (): void => {
          worker.off('message', onMessage);
          worker.off('error', onFailure);
          worker.off('exit', onExit);
          signal.removeEventListener('abort', onAbort);
        };
        const onMessage = ({ impact, error }: Answer): void => {
          leave();
          keep(worker);
          if (impact === undefined) reject(new Error(`an impact was not worked out: ${error}`));
          else resolve(impact);
        };
        const onFailure = (error: unknown): void => {
          leave();
          reject(error);
        };
        const onExit = (): void => onFailure(new Error('the thread that works out impacts ended'));
        const onAbort = (): void => {
          leave();
          void worker.terminate();
          reject(signal.reason);
        };
        worker.on('message', onMessage);
        worker.on('error', onFailure);
        worker.on('exit', onExit);
        signal.addEventListener('abort', onAbort);
        worker.postMessage(job);
      }),
    close: async () => {
      closed = true;
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}
