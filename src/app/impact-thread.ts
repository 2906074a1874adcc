/** The thread that works out impacts, on a connection to the database of its own: see impact-workers.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../kernel/clock.ts';
import { openEngine, type StoreLocation } from '../store/open-store.ts';
import { createStore } from '../store/store.ts';
import { type ImpactJob, impactOfChanges } from './impact-job.ts';

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
const store = createStore({ engine, clock: systemClock });

port.on('message', (job: ImpactJob) => {
  void impactOfChanges(store, job).then(
    (impact) => port.postMessage({ impact }),
    (error: unknown) => port.postMessage({ error: error instanceof Error ? error.message : String(error) }),
  );
});
