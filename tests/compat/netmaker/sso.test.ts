import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSealer, SEALING_KEY_BYTES } from '../../../src/auth/sealing.ts';
import { MINUTE } from '../../../src/kernel/clock.ts';
import { systemRandom } from '../../../src/kernel/random.ts';
import { connect } from '../../sign-in/sso-support.ts';
import { type ApiServer, createApiServer, ENGINES } from '../../support/api-server.ts';
import {
  createIdentityProvider,
  type IdentityProvider,
  type Person,
} from '../../support/identity-provider.ts';
import { seed } from '../../support/seeds.ts';
import { type Call, callOf, responseOf, type Wire } from './calls.ts';
import { netmakerDialect } from './support.ts';

const DASHBOARD = 'https://dashboard.acme.test';

describe.each(ENGINES)('Netmaker sign-in by a provider on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let provider: IdentityProvider;
  beforeAll(async () => {
    const sealingKey = systemRandom.bytes(SEALING_KEY_BYTES);
    api = await createApiServer(engine, (parts) =>
      netmakerDialect(parts, { sealingKey, dashboardUrl: DASHBOARD }),
    );
    call = callOf(api);
    provider = await createIdentityProvider();
    await connect(api, createSealer({ key: sealingKey, random: api.random }), api.organization.id, provider);
  });
  afterAll(async () => {
    await provider.close();
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const begin = async () => {
    const answer = await api.call('GET', '/api/oauth/login', { token: null });
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? '';
    return { answer, cookie, location: String(answer.headers.location) };
  };
  const back = (url: string, cookie: string) => {
    const { pathname, search } = new URL(url);
    return api.call('GET', `${pathname}${search}`, { token: null, headers: { cookie } });
  };
  const arrive = async (person: Person) => {
    const { cookie, location } = await begin();
    return back(provider.signIn(location, person), cookie);
  };
  const person = (name: string): Person => ({ sub: name, email: `${name}@acme.test`, email_verified: true });
  const invite = (name: string, role: string) =>
    call('POST', '/api/v1/users/invite', { user_emails: [`${name}@acme.test`], platform_role_id: role });

  test('an invited person comes back to the dashboard with a session, and is shown as one who signs in so', async () => {
    await invite('anna', 'auditor');
    const { answer, location } = await begin();
    expect(answer.status).toBe(307);
    expect(location.startsWith(`${provider.issuer}/authorize?`)).toBe(true);
    expect(String(answer.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Lax/u);
    const done = await arrive(person('anna'));
    expect(done.status).toBe(308);
    expect(done.headers['cache-control']).toBe('no-store');
    const to = new URL(String(done.headers.location));
    expect([to.origin, to.pathname, to.searchParams.get('user')]).toEqual([
      DASHBOARD,
      '/login',
      'anna@acme.test',
    ]);
    const token = to.searchParams.get('login') ?? '';
    const own = await responseOf<Wire>(
      call('GET', '/api/v1/users?username=anna@acme.test', undefined, token),
    );
    expect(own).toMatchObject({ auth_type: 'oauth', platform_role_id: 'auditor' });
    // There is no password, and none to be had by the wrong door.
    expect((await call('POST', '/api/users/anna@acme.test/auth/init-totp', undefined, token)).status).toBe(
      400,
    );
    const put = { username: 'anna@acme.test', password: 'a password' };
    expect((await call('PUT', '/api/users/anna@acme.test', put)).body).toMatchObject({
      Message: "cannot update user's password for an oauth user anna@acme.test",
    });
  });

  test('a service user is let in nowhere, and told so', async () => {
    await invite('dora', 'service-user');
    const answer = await arrive(person('dora'));
    expect([answer.status, answer.headers.location]).toEqual([403, undefined]);
    expect(answer.text).toContain('not the dashboard');
  });

  test('a stranger is told no more than that they are none of them', async () => {
    const answer = await arrive({ ...person('mallory'), email: 'mallory@elsewhere.test' });
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('You are not a member');
    expect(answer.headers['content-type']).toContain('text/html');
  });

  test('whoever arrives by themselves waits among the pending users until they are approved', async () => {
    const org = api.organization.id;
    await seed(api.store, org, async (tx) => {
      await tx.put('setting', {
        org,
        name: 'allowed_email_domains',
        value: ['acme.test'],
        updatedAt: tx.now,
      });
      await tx.put('setting', { org, name: 'user_approval', value: true, updatedAt: tx.now });
    });
    const waiting = await arrive(person('nina'));
    expect(waiting.status).toBe(403);
    expect(waiting.text).toContain('Waiting for approval');
    const pending = (await call('GET', '/api/users_pending')).body as Wire[];
    expect(pending.map(({ username }) => username)).toEqual(['nina@acme.test']);
    await call('POST', '/api/users_pending/user/nina@acme.test');
    expect((await call('GET', '/api/users/nina@acme.test')).body).toMatchObject({
      platform_role_id: 'service-user',
      auth_type: 'oauth',
    });
  });

  test('an answer in another browser, a second time, too late or altered opens nothing', async () => {
    await invite('bert', 'auditor');
    const { cookie, location } = await begin();
    const url = provider.signIn(location, person('bert'));
    const { cookie: other } = await begin();
    for (const wrong of ['', other, 'holdfast-netmaker-sso=x'])
      expect((await back(url, wrong)).status).toBe(403);
    const altered = new URL(url);
    const state = altered.searchParams.get('state') ?? '';
    altered.searchParams.set(
      'state',
      `${state.slice(0, 40)}${state[40] === 'A' ? 'B' : 'A'}${state.slice(41)}`,
    );
    expect((await back(altered.href, cookie)).status).toBe(403);
    expect((await back(url, cookie)).status).toBe(308);
    expect((await back(url, cookie)).status).toBe(403);
    const late = await begin();
    const lateUrl = provider.signIn(late.location, person('bert'));
    api.clock.advance(11 * MINUTE);
    expect((await back(lateUrl, late.cookie)).status).toBe(403);
  });

  test('an organization without a provider says so in words', async () => {
    await api.createOrganization('other');
    const answer = await api.call('GET', '/api/oauth/login', {
      token: null,
      headers: { 'x-tenant-id': 'other' },
    });
    expect([answer.status, answer.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
  });
});
