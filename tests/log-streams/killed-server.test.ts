// A server that is killed in the middle of it: every entry arrives, in order, after the next start.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/engines.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';
import { until } from '../support/until.ts';
import { createReceiver, type Receiver } from '../support/webhook-receiver.ts';
import { linesOf, namesOf } from './rig.ts';

/** On PostgreSQL the killed process holds the right to deliver until its lease of 15 s ends. */
const TAKEOVER_MS = 75_000;

describe.each(ENGINES)('a server on %s that is killed', (engine) => {
  let installation: TestInstallation;
  let receiver: Receiver;
  beforeAll(async () => {
    installation = await createInstallation(engine);
    receiver = await createReceiver();
  });
  afterAll(async () => {
    await receiver.close();
    await installation.end();
  });

  test('delivers what it had not delivered when it comes back', async () => {
    const call = (url: string, method: string, path: string, body: unknown) =>
      ask(`${url}/api/v2/tailnet/-/${path}`, installation.apiKey, { method, body: JSON.stringify(body) });
    const makeKey = async (url: string, name: string): Promise<void> => {
      const answer = await call(url, 'POST', 'keys', { capabilities: { devices: {} }, description: name });
      expect(answer.status).toBe(200);
    };
    const first = await installation.start('--webhook-allow-private');
    const stream = { destinationType: 'http', url: `${receiver.url}/logs`, token: 't' };
    expect((await call(first.url, 'PUT', 'logging/configuration/stream', stream)).status).toBe(200);
    receiver.answers.set('/logs', 503);
    await makeKey(first.url, 'one');
    await until(() => receiver.requests.length > 0, 'a first try');
    await makeKey(first.url, 'two');
    await first.kill9();

    receiver.answers.delete('/logs');
    const second = await installation.start('--webhook-allow-private');
    await makeKey(second.url, 'three');
    const names = () =>
      namesOf(receiver.requests.filter(({ status }) => status === 200).flatMap(({ body }) => linesOf(body)));
    await until(() => names().includes('three'), 'the delivery', TAKEOVER_MS);
    expect(names().filter((name) => name !== 'first token')).toEqual(['one', 'two', 'three']);
  }, 150_000);
});
