import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createKeycardServer, signInAs } from './support.ts';

const ORG = '/organizations/acme';
const DAY = 86_400_000;

describe.each(ENGINES)('A request that is sent again, on %s', (engine) => {
  let api: ApiServer;
  let count = 0;
  beforeAll(async () => {
    api = await createKeycardServer(engine);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const post = async (path: string, body: object, id: string | undefined, token = api.token) => {
    const answer = await api.call('POST', path, {
      token,
      body,
      headers: id === undefined ? {} : { 'x-client-request-id': id },
    });
    return { status: answer.status, body: answer.json(), headers: answer.headers };
  };
  const name = () => {
    count += 1;
    return `182bd5e5-6e1a-4fe4-a799-${String(count).padStart(12, '0')}`;
  };
  const accounts = () => api.store.count('serviceAccount', api.organization.id, { where: { system: false } });

  test('under the name that it had gets the first answer, and is done once', async () => {
    const id = name();
    const before = await accounts();
    const first = await post(`${ORG}/service-accounts`, { name: 'once' }, id);
    const second = await post(`${ORG}/service-accounts`, { name: 'once' }, id);
    expect(first.status).toBe(201);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
    expect(second.headers['content-type']).toContain('application/json');
    expect(await accounts()).toBe(before + 1);
  });

  test.each([
    ['another name', () => post(`${ORG}/service-accounts`, { name: 'other' }, name())],
    ['no name', () => post(`${ORG}/service-accounts`, { name: 'other' }, undefined)],
    ['a name that is none', () => post(`${ORG}/service-accounts`, { name: 'other' }, 'x'.repeat(200))],
  ])('under %s is another request', async (_name, send) => {
    const before = await accounts();
    await send();
    await send();
    expect(await accounts()).toBe(before + 2);
  });

  test('by somebody else, or elsewhere, is another request', async () => {
    const id = name();
    const { token } = await api.createMember({ ...api }, 'admin', 'second');
    await post(`${ORG}/service-accounts`, { name: 'mine' }, id);
    expect((await post(`${ORG}/service-accounts`, { name: 'theirs' }, id, token)).body).toMatchObject({
      name: 'theirs',
    });
    const answer = await post(`${ORG}/invitations`, { email: 'again@acme.test', role: 'org_member' }, id);
    expect(answer.status).toBe(201);
    // Not the 409 that a second invitation of the same address gets.
    const again = await post(`${ORG}/invitations`, { email: 'again@acme.test', role: 'org_member' }, id);
    expect([again.status, again.body]).toEqual([201, answer.body]);
  });

  test('at the same moment is done once', async () => {
    const id = name();
    const before = await accounts();
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post(`${ORG}/service-accounts`, { name: 'race' }, id)),
    );
    expect(await accounts()).toBe(before + 1);
    for (const { status } of answers) expect([201, 429]).toContain(status);
    expect((await post(`${ORG}/service-accounts`, { name: 'race' }, id)).status).toBe(201);
  });

  test('does not show a secret again: 409, not to be tried again', async () => {
    const account = await post(`${ORG}/service-accounts`, { name: 'keyed' }, undefined);
    const path = `${ORG}/service-accounts/${String(account.body.id)}/credentials`;
    const id = name();
    const first = await post(path, { name: 'c' }, id);
    const second = await post(path, { name: 'c' }, id);
    expect([first.status, second.status]).toEqual([201, 409]);
    expect(second.headers['x-should-retry']).toBe('false');
    const rows = await api.store.find('namedRequest', api.organization.id, {});
    expect(JSON.stringify(rows)).not.toContain(String(first.body.client_secret));
  });

  test('after it failed is tried again', async () => {
    const id = name();
    expect((await post(`${ORG}/service-accounts`, { name: '' }, id)).status).toBe(400);
    expect((await post(`${ORG}/service-accounts`, { name: 'now' }, id)).status).toBe(201);
  });

  test('a day later is another request', async () => {
    const id = name();
    const token = await signInAs(api, api.owner);
    expect((await post('/organizations', { name: 'Twice' }, id, token)).body).toMatchObject({
      label: 'twice',
    });
    expect((await post('/organizations', { name: 'Twice' }, id, token)).body).toMatchObject({
      label: 'twice',
    });
    await post(`${ORG}/service-accounts`, { name: 'old' }, id);
    api.clock.advance(DAY);
    const before = await accounts();
    await post(`${ORG}/service-accounts`, { name: 'old' }, id);
    expect(await accounts()).toBe(before + 1);
    const rows = await api.store.find('namedRequest', api.organization.id, {});
    expect(rows.every(({ at }) => at > api.clock.now() - DAY)).toBe(true);
  });
});
