import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyExpiry } from '../../src/jobs/webhooks/key-expiry.ts';
import { createExpiryFinder } from '../../src/store/expiry-finder.ts';
import { createInstallationFacts } from '../../src/store/installation-facts.ts';
import { createNamedLease } from '../../src/store/named-lease.ts';
import { ENGINES } from '../support/engines.ts';
import { until } from '../support/until.ts';
import { createRig, type Rig } from './rig.ts';

const DAY_MS = 86_400_000;

describe.each(ENGINES)('keys that end, on %s', (engine) => {
  let rig: Rig;
  let now = Date.now();
  const clock = { now: () => now };
  const undo: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    rig = await createRig(engine);
  });
  afterEach(async () => {
    for (const step of undo.splice(0)) await step();
    await rig.close();
  });
  /** Looks again and again; resolves when it has looked at the present time. */
  const sweep = async (): Promise<void> => {
    const facts = createInstallationFacts(rig.engine);
    const expiry = createKeyExpiry({
      store: rig.store,
      finder: createExpiryFinder(rig.engine),
      facts,
      lease: createNamedLease({ engine: rig.engine, name: 'expiry', holder: 'one' }),
      clock,
      onError: (error) => rig.errors.push(error),
      everyMs: 10,
    });
    expiry.start();
    await until(async () => Number(await facts.get('webhook-key-expiry-position')) >= now - 5_000);
    await expiry.close();
  };

  test('are told of a day before and when it happens, once, also over a restart', async () => {
    await rig.hook('/a', ['nodeKeyExpired', 'nodeKeyExpiringInOneDay']);
    await rig.addDevice('ends', { keyExpiresAt: now + DAY_MS + 60_000 });
    await rig.addDevice('endless', { keyExpiresAt: now + DAY_MS + 60_000, expiryDisabled: true });
    await sweep();
    rig.dispatch();
    now += 120_000;
    await sweep();
    await sweep();
    await until(() => rig.receiver.events().length > 0);
    now += DAY_MS - 1;
    await sweep();
    await sweep();
    await until(() => rig.receiver.events().length > 1);
    expect(rig.receiver.events().map(({ type, data }) => [type, data?.deviceName])).toEqual([
      ['nodeKeyExpiringInOneDay', 'ends.acme.holdfast.internal'],
      ['nodeKeyExpired', 'ends.acme.holdfast.internal'],
    ]);
    expect(rig.errors).toEqual([]);
  });
});
