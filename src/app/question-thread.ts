/** The thread that answers questions about the policy, on a connection to the database of its own: see question-workers.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../kernel/clock.ts';
import { openEngine, type StoreLocation } from '../store/open-store.ts';
import { createStore } from '../store/store.ts';
import { outcomeOf, type QuestionJob } from './question-job.ts';

const { location } = workerData as { readonly location: StoreLocation };
const port = parentPort;
if (port === null) throw new Error('this is the entry of a thread');

// Whatever goes wrong beside a question ends the thread, and with it the question.
const onError = (error: unknown): void => {
  throw error;
};
const engine = openEngine({
  // It only reads, and follows nobody's changes.
  location: location.kind === 'postgres' ? { ...location, notify: false } : location,
  clock: systemClock,
  onError,
});
const store = createStore({ engine, clock: systemClock, onError });

port.on('message', (job: QuestionJob) => {
  // An answer that cannot be sent ends the thread too.
  void outcomeOf(store, job).then((outcome) => port.postMessage(outcome));
});
