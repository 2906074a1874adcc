import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RetentionWindows } from '../domain/ports/retention.ts';
import { createMaintenance } from './maintenance.ts';

const random = { bytes: (length: number) => new Uint8Array(length) };
const HOUR_MS = 3_600_000;

test('old rows are removed again and again, also after a failure, until it is closed', async () => {
  const asked: RetentionWindows[] = [];
  const errors: unknown[] = [];
  const retention = {
    prune: async (windows: RetentionWindows) => {
      asked.push(windows);
      if (asked.length === 1) throw new Error('the database is away');
      return { changes: 0, outbox: 0, flowLogs: 0 };
    },
  };
  const onError = (error: unknown) => errors.push(error);
  const maintenance = createMaintenance({ retention, random, onError, firstAfterMs: 5, everyMs: 5 });
  maintenance.start();
  while (asked.length < 3) await delay(5);
  await maintenance.close();
  const count = asked.length;
  await delay(50);
  expect(asked).toHaveLength(count);
  expect(errors).toHaveLength(1);
  // A process may be cut off from its database for a while; history is for people, who ask about weeks.
  expect(asked[0]?.volatileMs).toBeGreaterThanOrEqual(HOUR_MS);
  expect(asked[0]?.historyMs).toBeGreaterThanOrEqual(30 * 24 * HOUR_MS);
});
