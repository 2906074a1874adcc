import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

interface WireWebhook {
  readonly endpointId: string;
  readonly secret?: string;
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('webhooks and posture integrations over the REST API on %s', (engine) => {
  let api: ApiServer;
  const HOOKS = '/api/v2/tailnet/-/webhooks';
  const INTEGRATIONS = '/api/v2/tailnet/-/posture/integrations';
  const create = (body: unknown) => api.call('POST', HOOKS, { body: body as object });
  const valid = { endpointUrl: 'https://hooks.test/x', subscriptions: ['nodeCreated', 'policyUpdate'] };

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a webhook shows its secret when it is made and when it is rotated, and never else', async () => {
    const { secret, ...webhook } = (await create(valid)).json<WireWebhook>();
    expect(secret).toMatch(/^tskey-webhook-[A-Za-z0-9]{40}$/u);
    expect(webhook).toEqual({
      endpointId: expect.stringMatching(/^w\w+CNTRL$/u),
      endpointUrl: 'https://hooks.test/x',
      providerType: '',
      creatorLoginName: 'owner@acme.test',
      created: expect.stringMatching(/Z$/u),
      lastModified: expect.stringMatching(/Z$/u),
      subscriptions: ['nodeCreated', 'policyUpdate'],
    });
    const path = `/api/v2/webhooks/${webhook.endpointId}`;
    expect((await api.call('GET', path)).json()).toEqual(webhook);
    expect((await api.call('GET', HOOKS)).json()).toEqual({ webhooks: [webhook] });
    const rotated = (await api.call('POST', `${path}/rotate`)).json<WireWebhook>();
    expect(rotated.secret).toMatch(/^tskey-webhook-/u);
    expect(rotated.secret).not.toBe(secret);
    const [row] = await api.store.find('webhook', api.organization.id, {});
    expect(row?.secretSealed).not.toContain(rotated.secret);
  });

  test('what a client of the organization made has no creator who could sign in', async () => {
    const client = await api.call('POST', '/api/v2/tailnet/-/keys', {
      body: { keyType: 'client', scopes: ['webhooks'], description: 'ci' },
    });
    const form = `client_secret=${client.json<{ key: string }>().key}`;
    const bought = await api.call('POST', '/api/v2/oauth/token', { token: null, body: form });
    const token = bought.json<{ access_token: string }>().access_token;
    const made = await api.call('POST', HOOKS, { token, body: valid });
    expect(made.json()).toMatchObject({ creatorLoginName: '' });
  });

  test('a provider named generic is none, as one command line has it', async () => {
    const made = await create({ ...valid, providerType: 'generic' });
    expect([made.status, made.json()]).toEqual([200, expect.objectContaining({ providerType: '' })]);
  });

  test('subscriptions are replaced, categories echoed as they were given, and the endpoint stays', async () => {
    const { endpointId } = (await create(valid)).json<WireWebhook>();
    const changed = await api.call('PATCH', `/api/v2/webhooks/${endpointId}`, {
      body: { subscriptions: ['categoryTailnetManagement', 'userCreated'], endpointUrl: 'https://evil.test' },
    });
    expect(changed.json()).toMatchObject({
      endpointUrl: 'https://hooks.test/x',
      subscriptions: ['categoryTailnetManagement', 'userCreated'],
    });
    expect(changed.json()).not.toHaveProperty('secret');
  });

  test('a test is queued and answered with 202', async () => {
    const { endpointId } = (await create(valid)).json<WireWebhook>();
    expect((await api.call('POST', `/api/v2/webhooks/${endpointId}/test`)).status).toBe(202);
  });

  test('a deleted webhook is gone', async () => {
    const { endpointId } = (await create(valid)).json<WireWebhook>();
    const path = `/api/v2/webhooks/${endpointId}`;
    expect((await api.call('DELETE', path)).status).toBe(200);
    for (const method of ['GET', 'DELETE']) expect((await api.call(method, path)).status).toBe(404);
  });

  test.each([
    [{ ...valid, endpointUrl: 'ftp://x.test' }, /^endpointUrl: /u],
    [{ ...valid, endpointUrl: 'https://x.test:8443' }, /^endpointUrl: /u],
    [{ ...valid, endpointUrl: 'x' }, /^endpointUrl: /u],
    [{ ...valid, endpointUrl: undefined }, /^endpointUrl: /u],
    [{ ...valid, providerType: 'pager' }, /^providerType /u],
    [{ ...valid, subscriptions: [] }, /^subscriptions: /u],
    [{ ...valid, subscriptions: ['sunrise'] }, /^subscriptions: /u],
  ])('%j is refused', async (body, message) => {
    const answer = await create(body);
    expect([answer.status, answer.json()]).toEqual([400, { message: expect.stringMatching(message) }]);
    expect((await api.call('GET', HOOKS)).json()).toEqual({ webhooks: [] });
  });

  test('an integration is made once a provider, keeps what a change does not name, and never shows its secret', async () => {
    const body = { provider: 'falcon', cloudId: 'us-1', clientId: 'c', clientSecret: 's3cret-value' };
    const made = await api.call('POST', INTEGRATIONS, { body });
    const integration = made.json<{ id: string }>();
    expect(made.status).toBe(200);
    expect(integration).toEqual({
      id: expect.stringMatching(/^p\w+CNTRL$/u),
      provider: 'falcon',
      cloudId: 'us-1',
      clientId: 'c',
      tenantId: '',
      configUpdated: expect.stringMatching(/Z$/u),
    });
    expect((await api.call('POST', INTEGRATIONS, { body })).status).toBe(409);
    const path = `/api/v2/posture/integrations/${integration.id}`;
    const changed = await api.call('PATCH', path, { body: { cloudId: 'eu-1', provider: 'intune' } });
    expect(changed.json()).toMatchObject({ provider: 'falcon', cloudId: 'eu-1', clientId: 'c' });
    const aliased = await api.call('PATCH', `${INTEGRATIONS}/${integration.id}`, { body: { clientId: 'd' } });
    expect(aliased.json()).toMatchObject({ clientId: 'd', cloudId: 'eu-1' });
    expect((await api.call('GET', INTEGRATIONS)).json()).toEqual({ integrations: [aliased.json()] });
    expect((await api.call('GET', path)).text).not.toContain('s3cret');
    expect((await api.call('DELETE', path)).status).toBe(200);
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test.each([
    [{ provider: 'nobody', clientSecret: 'x' }, /^provider /u],
    [{ provider: 'falcon' }, /^clientSecret: /u],
    [{ provider: 'falcon', clientSecret: 'x', cloudId: 'mars' }, /^cloudId /u],
    [{ provider: 'jamfpro', clientSecret: 'x', cloudId: 'not a host' }, /^cloudId must be a host name/u],
    [
      { provider: 'kandji', clientSecret: 'x', cloudId: 'https://a.kandji.io' },
      /^cloudId must be a host name/u,
    ],
    [{ clientSecret: 'x' }, /^provider: /u],
  ])('the integration %j is refused', async (body, message) => {
    const answer = await api.call('POST', INTEGRATIONS, { body });
    expect([answer.status, answer.json()]).toEqual([400, { message: expect.stringMatching(message) }]);
  });
});
