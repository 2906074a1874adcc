/** One kind of the outbox, or of the jobs, as a queue of its own. */
import type { ClaimedJob, ClaimedOutbox, Jobs, Outbox } from '../domain/ports/jobs.ts';
import type { OutboxEntry } from '../domain/ports/store.ts';
import type { WorkQueue } from './worker.ts';

export const outboxQueue = (outbox: Outbox, kind: OutboxEntry['kind']): WorkQueue<ClaimedOutbox> => ({
  claim: (options) => outbox.claim(kind, options),
  complete: outbox.complete,
  fail: outbox.fail,
  extend: outbox.extend,
});

export const jobQueue = (jobs: Jobs, kind: string): WorkQueue<ClaimedJob> => ({
  claim: (options) => jobs.claim(kind, options),
  complete: jobs.complete,
  fail: jobs.fail,
  extend: jobs.extend,
});
