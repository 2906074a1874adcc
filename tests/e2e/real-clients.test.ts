import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { createNetwork, type Network } from './network.ts';
import { realPath } from './scenario.ts';

const STEP_TIMEOUT_MS = 120_000;
/** Other tests share the two cores, so a promise is asserted at five times its time. */
const SLACK = 5;

const ENGINES = [
  { engine: 'SQLite', databaseUrl: async () => undefined },
  { engine: 'PostgreSQL', databaseUrl: () => createTestDatabase({ overSocket: true }) },
];

const missing = unless(await whyNoRealClients());

describe.each(ENGINES)('real clients, with the state in $engine', missing, ({ databaseUrl }) => {
  let network: Network;
  let failed = false;
  const scenario = realPath(() => network);

  beforeAll(async () => {
    network = await createNetwork(await databaseUrl());
  }, BUILD_TIMEOUT_MS);
  afterAll(() => network?.end());

  // The steps build on each other.
  for (const { says, run } of scenario.steps) {
    test(says, { timeout: STEP_TIMEOUT_MS }, async ({ skip }) => {
      skip(failed, 'an earlier step failed');
      failed = true;
      await run();
      failed = false;
    });
  }

  test('what is promised within two seconds came in time', ({ skip }) => {
    skip(failed, 'an earlier step failed');
    const { milliseconds = Number.POSITIVE_INFINITY, promisedMs = 0 } = scenario.dropTiming() ?? {};
    expect(milliseconds).toBeLessThan(promisedMs * SLACK);
  });
});
