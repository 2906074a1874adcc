import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertMember, seed } from '../../support/seeds.ts';
import { createKeycardServer, signInAs } from './support.ts';

interface Page {
  items: { label: string; permissions?: unknown }[];
  page_info: { has_next_page: boolean; end_cursor: string; start_cursor: string };
}

describe.each(ENGINES)('Somebody of several organizations, on %s', (engine) => {
  let api: ApiServer;
  let session = '';
  const homes = new Map<string, TestOrganization>();
  /** The owner of acme is an auditor of beta and suspended in gamma; delta asks for a second factor. */
  beforeAll(async () => {
    api = await createKeycardServer(engine);
    for (const label of ['beta', 'gamma', 'delta', 'stranger'])
      homes.set(label, await api.createOrganization(label));
    const join = (label: string, patch: object) => {
      const org = homes.get(label)?.organization.id ?? 0;
      return seed(api.store, org, (tx) =>
        insertMember(tx, org, {
          username: `guest@${label}.test`,
          account: api.owner.account,
          role: 'auditor',
          ...patch,
        }),
      );
    };
    await join('beta', {});
    await join('gamma', { suspendedAt: 1 });
    await join('delta', {});
    const delta = homes.get('delta')?.organization.id ?? 0;
    await seed(api.store, delta, (tx) =>
      tx.put('setting', { org: delta, name: 'mfa_enforced', value: true, updatedAt: tx.now }),
    );
    session = await signInAs(api, api.owner);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const get = async (path: string, token = session) => {
    const answer = await api.call('GET', path, { token });
    return { status: answer.status, body: answer.json<Page & Record<string, unknown>>() };
  };
  const labels = async (token?: string, query = '') =>
    (await get(`/organizations${query}`, token)).body.items.map(({ label }) => label);

  test('lists those that this sign-in opens; any other credential its own', async () => {
    expect(await labels()).toEqual(['acme', 'beta']);
    expect(await labels(api.token)).toEqual(['acme']);
    expect(await labels(await signInAs(api, api.owner, { everywhere: false }))).toEqual(['acme']);
  });

  test('turns the pages of that list both ways', async () => {
    const first = (await get('/organizations?limit=1')).body;
    expect([first.items[0]?.label, first.page_info.has_next_page]).toEqual(['acme', true]);
    const second = (await get(`/organizations?limit=1&after=${first.page_info.end_cursor}`)).body;
    expect([second.items[0]?.label, second.page_info.has_next_page]).toEqual(['beta', false]);
    expect(await labels(undefined, `?limit=1&before=${second.page_info.start_cursor}`)).toEqual(['acme']);
  });

  test('is in each what their role there allows', async () => {
    const { body } = await get('/organizations?expand=permissions');
    expect(body.items.map(({ permissions }) => permissions)).toMatchObject([
      { organizations: { read: true, update: true }, users: { delete: true } },
      { organizations: { read: true, update: false }, users: { delete: false } },
    ]);
    expect((await get('/organizations/beta/users')).status).toBe(200);
    const renamed = await api.call('PATCH', '/organizations/beta', {
      token: session,
      body: { name: 'mine' },
    });
    expect(renamed.status).toBe(403);
  });

  test.each([
    ['gamma', 'suspended there'],
    ['delta', 'a second factor is asked for there'],
    ['stranger', 'nobody there'],
  ])('finds nothing in %s: %s', async (label) => {
    for (const name of [label, homes.get(label)?.organization.nano]) {
      expect((await get(`/organizations/${name}`)).status).toBe(404);
      const exchanged = await api.call('POST', `/organizations/${name}/token`, { token: session });
      expect(exchanged.status).toBe(404);
    }
  });

  test('gets a token for another, which opens that one alone, as long as they are in it', async () => {
    const answer = await api.call('POST', '/organizations/beta/token', { token: session });
    expect(answer.json()).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
    });
    const { access_token: token } = answer.json<{ access_token: string }>();
    expect((await get('/organizations/beta/users', token)).status).toBe(200);
    const org = homes.get('beta')?.organization.id ?? 0;
    const [member] = await api.store.find('membership', org, { account: api.owner.account });
    await seed(api.store, org, (tx) =>
      tx.update('membership', org, member?.id ?? 0, { suspendedAt: tx.now }),
    );
    expect((await get('/organizations/beta/users', token)).status).toBe(401);
    expect(await labels()).toEqual(['acme']);
    expect((await get('/organizations/beta')).status).toBe(404);
  });
});
