import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../src/kernel/hash.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

const APPS = '/api/v2/tailnet/-/oauth-apps';
const APP = {
  name: 'Build.bot-1_x',
  description: 'Builds',
  redirectURIs: ['https://build.acme.test/back', 'http://localhost:8080/back'],
  scopes: ['dns:read', 'devices:core:read'],
  allowedNodeAttributes: ['custom:build'],
};

describe.each(ENGINES)('OAuth apps over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const create = (body: unknown, token = api.token) => api.call('POST', APPS, { body, token });
  const list = async () => (await api.call('GET', APPS)).json<{ oauthApps: unknown[] }>().oauthApps;

  test('an app shows its secret once, and only a hash of it is kept', async () => {
    const made = await create(APP);
    expect(made.status).toBe(200);
    const { clientSecret, ...shown } = made.json<{ clientSecret: string; id: string }>();
    expect(shown).toEqual({
      id: expect.stringMatching(/^a[1-9A-HJ-NP-Za-km-z]+CNTRL$/u),
      ...APP,
      created: expect.stringMatching(/Z$/u),
      updated: expect.stringMatching(/Z$/u),
    });
    expect(await list()).toEqual([shown]);
    expect((await api.call('GET', `${APPS}/${shown.id}`)).json()).toEqual(shown);
    const [row] = await api.store.find('oauthApp', acme.organization.id, {});
    expect(row!.secretHash).toBe(sha256Hex(clientSecret));
    const log = await api.store.auditEvents(acme.organization.id, { afterSeq: 0, limit: 1_000 });
    expect(log.at(-1)).toMatchObject({ verb: 'create', objectKind: 'oauthApp', objectName: APP.name });
    expect(JSON.stringify(log)).not.toContain(clientSecret);
  });

  test('replacing an app leaves nothing of what it was but its secret', async () => {
    const { id } = (await create(APP)).json<{ id: string }>();
    const [before] = await api.store.find('oauthApp', acme.organization.id, {});
    api.clock.advance(5_000);
    const next = { name: 'other', redirectURIs: ['https://o.test/'], scopes: ['dns'] };
    const answer = await api.call('PUT', `${APPS}/${id}`, { body: next });
    expect(answer.json()).toMatchObject({ id, ...next, description: '', allowedNodeAttributes: [] });
    expect(answer.json()).not.toHaveProperty('clientSecret');
    const [after] = await api.store.find('oauthApp', acme.organization.id, {});
    expect(after!.secretHash).toBe(before!.secretHash);
    expect(after!.updatedAt - before!.updatedAt).toBe(5_000);
  });

  test('a deleted app is gone', async () => {
    const { id } = (await create(APP)).json<{ id: string }>();
    expect((await api.call('DELETE', `${APPS}/${id}`)).status).toBe(200);
    for (const method of ['GET', 'DELETE']) {
      expect((await api.call(method, `${APPS}/${id}`)).status).toBe(404);
    }
    expect((await api.call('PUT', `${APPS}/${id}`, { body: APP })).status).toBe(404);
    expect(await list()).toEqual([]);
  });

  test.each([
    ['name', { name: 'ab' }],
    ['name', { name: 'x'.repeat(51) }],
    ['name', { name: 'with blank' }],
    ['description', { description: 'x'.repeat(301) }],
    ['redirectURIs', { redirectURIs: [] }],
    ['redirectURIs', { redirectURIs: ['http://build.acme.test/'] }],
    ['redirectURIs', { redirectURIs: ['javascript:alert(1)'] }],
    ['redirectURIs', { redirectURIs: ['https://a.test/#x'] }],
    ['scopes', { scopes: [] }],
    ['scopes', { scopes: ['everything'] }],
    ['allowedNodeAttributes', { allowedNodeAttributes: ['node:os'] }],
  ])('a wrong %s is refused by its name, and nothing is made', async (field, wrong) => {
    const answer = await create({ ...APP, ...wrong });
    expect(answer.status).toBe(400);
    expect(answer.json<{ message: string }>().message).toContain(field);
    expect(await list()).toEqual([]);
  });

  test('nobody gives an app more than they have', async () => {
    const narrow = await api.createToken(acme, api.owner, ['oauth_apps', 'dns']);
    const plain = { ...APP, scopes: ['dns'], allowedNodeAttributes: [] };
    expect((await create(plain, narrow)).status).toBe(200);
    const beyond = await create({ ...plain, scopes: ['all'] }, narrow);
    expect([beyond.status, beyond.json()]).toEqual([403, { message: 'actor cannot set scopes: [all]' }]);
    // Attributes of devices need the scope of attributes.
    expect((await create({ ...plain, allowedNodeAttributes: ['custom:x'] }, narrow)).status).toBe(403);
  });
});
