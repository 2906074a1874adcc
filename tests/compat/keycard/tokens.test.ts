import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { createKeycardServer } from './support.ts';

const ORG = '/organizations/acme';

describe.each(ENGINES)('Signed access tokens on %s', (engine) => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await createKeycardServer(engine);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const post = async (path: string, body?: unknown, token = api.token) => {
    const answer = await api.call('POST', path, { token, ...(body === undefined ? {} : { body }) });
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.json<Record<string, string>>();
  };
  const account = async () => {
    const { id } = await post(`${ORG}/service-accounts`, { name: 'signer' });
    const path = `${ORG}/service-accounts/${id}/credentials`;
    const made = await post(path, { name: 'c' });
    return {
      id,
      path: `${path}/${made.id}`,
      clientId: made.client_id ?? '',
      secret: made.client_secret ?? '',
    };
  };
  const signIn = async ({ clientId, secret }: { clientId: string; secret: string }) => {
    const answer = await api.call('POST', '/service-account-token', {
      token: null,
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
    expect(answer.status, answer.text).toBe(200);
    return answer.json<{ access_token: string }>().access_token;
  };
  const get = async (path: string) => (await api.call('GET', path, { token: null })).json();

  test('are checked by the keys that the metadata leads to, and name account, client and organization', async () => {
    const made = await account();
    const token = await signIn(made);
    const metadata = await get('/.well-known/oauth-authorization-server');
    const origin = String(metadata.issuer);
    expect(metadata).toMatchObject({
      issuer: expect.stringMatching(/^http:\/\//u),
      token_endpoint: `${origin}/service-account-token`,
      jwks_uri: `${origin}/.well-known/jwks.json`,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    });
    const keys = createLocalJWKSet((await get('/.well-known/jwks.json')) as never);
    const { payload } = await jwtVerify(token, keys, { currentDate: new Date(api.clock.now()) });
    expect(payload).toMatchObject({
      iss: origin,
      sub: made.id,
      client_id: made.clientId,
      'https://api.keycard.sh/organization_id': api.organization.nano,
    });
  });

  test('are stored nowhere: getting one writes nothing but the time of its use', async () => {
    const made = await account();
    const org = api.organization.id;
    const count = () => api.store.count('credential', org);
    const before = await count();
    for (let turn = 0; turn < 5; turn += 1) await signIn(made);
    expect(await count()).toBe(before);
    await api.usage.flush();
    const answer = await api.call('GET', made.path);
    expect(answer.json()).toMatchObject({ last_used_at: new Date(api.clock.now()).toISOString() });
  });

  test('a suspended person’s stop, and go on when the person is back', async () => {
    const { member, token } = await api.createMember({ ...api }, 'auditor', 'signed');
    const { access_token: exchanged = '' } = await post(`${ORG}/token`, undefined, token);
    const status = async () => (await api.call('GET', `${ORG}/users`, { token: exchanged })).status;
    expect(await status()).toBe(200);
    const org = api.organization.id;
    await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { suspendedAt: tx.now }));
    expect(await status()).toBe(401);
    await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { suspendedAt: null }));
    expect(await status()).toBe(200);
    // What the role allows is looked up with each use, not written into the token.
    await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { role: 'member' }));
    expect(await status()).toBe(403);
  });

  test('live no longer than what they were got with', async () => {
    const org = api.organization.id;
    const { member, token } = await api.createMember({ ...api }, 'auditor', 'brief');
    const [own] = await api.store.find('credential', org, { owner: member.id });
    const expiresAt = api.clock.now() + 90_500;
    await seed(api.store, org, (tx) => tx.update('credential', org, own?.id ?? 0, { expiresAt }));
    expect(await post(`${ORG}/token`, undefined, token)).toMatchObject({ expires_in: 90 });
  });
});
