/**
 * Questions about the policy are answered in threads: an organization of thousands of devices takes seconds of computing, in
 * which this process would neither answer nor write for anybody else. A thread that is not done in time is ended, and one
 * that needs too much memory ends by itself; both cost their own question, and no other.
 */
import { Worker } from 'node:worker_threads';
import { AppError } from '../kernel/errors.ts';
import type { StoreLocation } from '../store/open-store.ts';
import type { AnswerTo, Outcome, QuestionJob } from './question-job.ts';

export interface QuestionWorkersParts {
  readonly location: StoreLocation;
  /** Told why a thread ended that nobody had ended. */
  readonly onLost: (error: unknown) => void;
  /** Memory of a thread; beyond it the thread ends, and not the server. */
  readonly maxHeapMb?: number;
  /** The module that a thread runs. */
  readonly thread?: URL;
}

export interface QuestionWorkers {
  /**
   * Rejects with the reason of `signal` when that comes before the answer, once the thread has ended; with `unavailable`
   * when the thread ends by itself, and after the end. As many at once as the caller lets there be.
   */
  ask<J extends QuestionJob>(job: J, signal: AbortSignal): Promise<AnswerTo<J>>;
  close(): Promise<void>;
}

/** Threads are kept for the next question so long. */
const IDLE_MS = 60_000;
const MAX_HEAP_MB = 1_024;
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === OUT_OF_MEMORY;

export function createQuestionWorkers(parts: QuestionWorkersParts): QuestionWorkers {
  const { location, onLost, maxHeapMb = MAX_HEAP_MB } = parts;
  const { thread = new URL('./question-thread.ts', import.meta.url) } = parts;
  const idle = new Map<Worker, NodeJS.Timeout>();
  const all = new Set<Worker>();
  let closed = false;

  const forget = (worker: Worker): void => {
    clearTimeout(idle.get(worker));
    idle.delete(worker);
  };

  const start = (): Worker => {
    const worker = new Worker(thread, {
      workerData: { location },
      // Not what the process was started with: that is meant for a process.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    all.add(worker);
    worker.on('exit', () => {
      all.delete(worker);
      forget(worker);
    });
    worker.on('error', (error) => {
      // It has not exited yet, and takes no more questions.
      forget(worker);
      onLost(error);
    });
    return worker;
  };

  const take = (): Worker => {
    const [known] = idle.keys();
    if (known === undefined) return start();
    forget(known);
    known.ref();
    return known;
  };

  const keep = (worker: Worker): void => {
    const end = setTimeout(() => void worker.terminate(), IDLE_MS);
    end.unref();
    worker.unref();
    idle.set(worker, end);
  };

  /** What whoever asked is told when the thread ended before it had an answer. */
  const lost = (cause: unknown): AppError => {
    if (closed) return new AppError('unavailable', 'the server is stopping');
    const message = isOutOfMemory(cause)
      ? `the answer takes more than the ${maxHeapMb} MB of memory that a question may use; ask about less at once`
      : 'the work on the answer ended before there was one; ask again';
    return new AppError('unavailable', message, { cause });
  };

  const answered = (worker: Worker, job: QuestionJob, signal: AbortSignal): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        worker.off('message', onMessage);
        worker.off('messageerror', onUnreadable);
        worker.off('error', onLoss);
        worker.off('exit', onExit);
        signal.removeEventListener('abort', onAbort);
      };
      const onMessage = (outcome: Outcome): void => {
        leave();
        keep(worker);
        resolve(outcome);
      };
      const onLoss = (error: unknown): void => {
        leave();
        reject(lost(error));
      };
      const onExit = (): void => {
        const error = new Error('a thread that answers questions ended by itself');
        if (!closed) onLost(error);
        onLoss(error);
      };
      const onUnreadable = (error: unknown): void => {
        onLost(error);
        onLoss(error);
        void worker.terminate();
      };
      const onAbort = (): void => {
        leave();
        // Only then are its memory and its processor free for the next one.
        void worker.terminate().finally(() => reject(signal.reason));
      };
      worker.on('message', onMessage);
      worker.on('messageerror', onUnreadable);
      worker.on('error', onLoss);
      worker.on('exit', onExit);
      signal.addEventListener('abort', onAbort);
      worker.postMessage(job);
    });

  return {
    ask: async <J extends QuestionJob>(job: J, signal: AbortSignal): Promise<AnswerTo<J>> => {
      signal.throwIfAborted();
      // The end of a question is the turn of the next one, which would begin a thread that nobody ends.
      if (closed) throw lost(undefined);
      const outcome = await answered(take(), job, signal);
      switch (outcome.kind) {
        case 'answer':
          // A job's kind decides which answer there is.
          return outcome.answer as AnswerTo<J>;
        case 'refusal': {
          const { code, message, field } = outcome;
          throw new AppError(code, message, field === undefined ? {} : { field });
        }
        case 'defect':
          throw new Error(`a question was not answered: ${outcome.text}`);
      }
    },
    close: async () => {
      closed = true;
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}
