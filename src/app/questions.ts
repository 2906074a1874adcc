/** Questions about an organization's policy: in turn, each within a deadline, and answered in threads. */
import { createFairQueue } from './fair-queue.ts';
import type { AnswerTo, QuestionJob } from './question-job.ts';
import { createQuestionWorkers, type QuestionWorkersParts } from './question-workers.ts';

export interface Asking {
  ask<J extends QuestionJob>(job: J): Promise<AnswerTo<J>>;
  /** Nobody waits for the answer any more; work that goes on must end. */
  readonly signal: AbortSignal;
}

export interface Questions {
  /** Errors: `rate_limited` when too much of one organization is asked at once, `unavailable` when it took too long. */
  run<T>(org: number, work: (asking: Asking) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface QuestionsParts extends QuestionWorkersParts {
  /** From a question to its answer. */
  readonly deadlineMs?: number;
}

/** Of all organizations together, so that as many cores have this to do at most. */
const RUNNING = 2;
const PER_ORGANIZATION = 4;
const DEADLINE_MS = 30_000;

export function createQuestions(parts: QuestionsParts): Questions {
  const { deadlineMs = DEADLINE_MS } = parts;
  const workers = createQuestionWorkers(parts);
  const queue = createFairQueue({
    running: RUNNING,
    perParty: PER_ORGANIZATION,
    ms: deadlineMs,
    late: `there was no answer within ${deadlineMs / 1_000} seconds; ask again when less is asked, or about less`,
    busy: `${PER_ORGANIZATION} questions of this organization wait for their answer already; ask again after one of them`,
  });
  return {
    run: (org, work) => queue.run(org, (signal) => work({ ask: (job) => workers.ask(job, signal), signal })),
    close: workers.close,
  };
}
