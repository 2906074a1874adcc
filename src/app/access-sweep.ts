/** The sweep over what time has ended in access, put together for this process; one process of an installation does it. */
import { createAccessEndings } from '../domain/access-requests/access-endings.ts';
import { createPeriodic, type Periodic } from '../jobs/periodic.ts';
import { MINUTE, SECOND } from '../kernel/clock.ts';
import { createAccessDue } from '../store/access-due.ts';
import { createNamedLease } from '../store/named-lease.ts';
import type { Installation } from './installation.ts';
import type { Services } from './services.ts';

const EVERY_MS = 15 * SECOND;

export interface AccessSweepParts {
  readonly installation: Installation;
  readonly services: Services;
  /** Names the process. */
  readonly holder: string;
  readonly onError: (error: unknown) => void;
}

export function createAccessSweep({ installation, services, holder, onError }: AccessSweepParts): Periodic {
  const { engine, store } = installation;
  const lease = createNamedLease({ engine, name: 'access-endings', holder });
  const endings = createAccessEndings({ store, due: createAccessDue(engine), now: services.clock.now });
  const periodic = createPeriodic({
    work: async () => {
      if (await lease.hold(EVERY_MS + MINUTE)) await endings.sweep();
    },
    everyMs: EVERY_MS,
    onError,
  });
  return {
    start: periodic.start,
    close: async () => {
      await periodic.close();
      await lease.release();
    },
  };
}
