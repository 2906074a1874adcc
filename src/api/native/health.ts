/** Whether the process lives, and whether it can serve. */
import type { Operation } from '../shared/operation.ts';

export interface Readiness {
  readonly ready: boolean;
  /** By name: `ok`, or what is wrong, without secrets or addresses. */
  readonly checks: Readonly<Record<string, string>>;
}

const UNAVAILABLE = 503;

export function healthOperations(readiness: () => Promise<Readiness>): readonly Operation[] {
  return [
    {
      id: 'native.health.live',
      method: 'GET',
      path: '/healthz',
      requires: 'public',
      handle: async ({ reply }) => reply.header('cache-control', 'no-store').send({ status: 'ok' }),
    },
    {
      id: 'native.health.ready',
      method: 'GET',
      path: '/readyz',
      requires: 'public',
      handle: async ({ reply }) => {
        const { ready, checks } = await readiness();
        return reply
          .code(ready ? 200 : UNAVAILABLE)
          .header('cache-control', 'no-store')
          .send({ status: ready ? 'ready' : 'unavailable', checks });
      },
    },
  ];
}
