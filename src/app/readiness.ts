/** Whether this process can serve: it is not stopping, and its database answers in time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Readiness } from '../api/native/health.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';

const ANSWER_WITHIN_MS = 2 * SECOND;
/** Probes of several balancers share one question to the database. */
const REMEMBER_MS = SECOND;

export interface ReadinessProbe {
  check(): Promise<Readiness>;
  /** From now on the process is not ready. */
  stop(): void;
}

export function createReadiness(parts: {
  readonly clock: Clock;
  /** Rejects when the database does not answer. */
  readonly pingDatabase: () => Promise<unknown>;
}): ReadinessProbe {
  let stopping = false;
  let known: { readonly at: number; readonly database: Promise<boolean> } | undefined;

  const askDatabase = (): Promise<boolean> =>
    Promise.race([
      parts.pingDatabase().then(
        () => true,
        () => false,
      ),
      delay(ANSWER_WITHIN_MS, false, { ref: false }),
    ]);

  return {
    check: async () => {
      const now = parts.clock.now();
      if (known === undefined || now - known.at >= REMEMBER_MS) known = { at: now, database: askDatabase() };
      const database = await known.database;
      return {
        ready: database && !stopping,
        checks: { database: database ? 'ok' : 'does not answer', server: stopping ? 'stopping' : 'ok' },
      };
    },
    stop: () => {
      stopping = true;
    },
  };
}
