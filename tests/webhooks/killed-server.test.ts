// A server that is killed in the middle of it: what was acknowledged is told after the next start.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENGINES } from '../support/engines.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';
import { unless } from '../support/requirements.ts';
import { until } from '../support/until.ts';
import { createReceiver, isSigned, type Receiver } from '../support/webhook-receiver.ts';

/** The API takes endpoints on port 80 and 443 alone: so each receiver has an address of its own, which no other run has. */
const anywhere = () => ({
  host: ['127', ...randomBytes(3).map((byte) => 1 + (byte % 254))].join('.'),
  port: 80,
});

/** On PostgreSQL the killed process holds the right to deliver until its lease of 15 s ends. */
const TAKEOVER_MS = 75_000;

const whyNot = await createReceiver(anywhere()).then(
  (receiver) => receiver.close().then(() => undefined),
  () => 'this user may not listen on port 80, which webhooks lead to',
);

describe.each(ENGINES)('a server on %s that is killed', unless(whyNot), (engine) => {
  const at = anywhere();
  let installation: TestInstallation;
  let receiver: Receiver;
  beforeAll(async () => {
    installation = await createInstallation(engine);
    receiver = await createReceiver(at);
  });
  afterAll(async () => {
    await receiver.close();
    await installation.end();
  });

  test('delivers what it had not delivered when it comes back', async () => {
    const post = (url: string, path: string, body: unknown) =>
      ask(`${url}/api/v2${path}`, installation.apiKey, { method: 'POST', body: JSON.stringify(body) });
    const first = await installation.start('--webhook-allow-private');
    const made = await post(first.url, '/tailnet/-/webhooks', {
      endpointUrl: `http://${at.host}/hook`,
      subscriptions: ['policyUpdate'],
    });
    expect(made.status).toBe(200);
    const { endpointId, secret } = JSON.parse(made.text) as { endpointId: string; secret: string };
    receiver.answers.set('/hook', 503);
    expect((await post(first.url, `/webhooks/${endpointId}/test`, {})).status).toBe(202);
    expect((await post(first.url, '/tailnet/-/acl', { acls: [] })).status).toBe(200);
    await until(() => receiver.requests.length > 0, 'a first try');
    await first.kill9();

    receiver.answers.delete('/hook');
    await installation.start('--webhook-allow-private');
    const delivered = () => receiver.events().some(({ type }) => type === 'policyUpdate');
    await until(delivered, 'the delivery', TAKEOVER_MS);
    expect(receiver.events().map(({ type }) => type)).toEqual(['test', 'policyUpdate']);
    expect(receiver.events()[1]?.data).toMatchObject({ newPolicy: expect.stringContaining('acls') });
    expect(receiver.requests.every((request) => isSigned(request, secret))).toBe(true);
  }, 120_000);
});
