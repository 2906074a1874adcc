import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE, SECOND } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { createNetmakerServer, setPassword } from './support.ts';

const PASSWORD = 'a right password';

/** RFC 6238 as an app reckons it, from the link that it scanned. */
function codeOf(link: string, now: number): string {
  const bits = [...(new URL(link).searchParams.get('secret') ?? '')]
    .map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0'))
    .join('');
  const secret = Buffer.from((bits.match(/.{8}/gu) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest[19] ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

interface Setup {
  readonly otp_auth_url: string;
  readonly otp_auth_url_signature: string;
  readonly qr_code: string;
}

describe.each(ENGINES)('one-time codes over Netmaker on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  const tokens = new Map<string, string>();
  const recovery = new Map<string, readonly string[]>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    for (const name of ['anna', 'bert', 'carl', 'dora', 'erik']) {
      const { member, token } = await api.createMember(api, name === 'dora' ? 'device-user' : 'admin', name);
      tokens.set(name, token);
      await setPassword(api, member, PASSWORD);
    }
  });
  // Codes are good once: each test has steps of its own.
  beforeEach(() => api.clock.advance(10 * MINUTE));
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const path = (name: string, step: string) => `/api/users/${name}@acme.test/auth/${step}-totp`;
  const init = (name: string, by = name) =>
    call('POST', path(name, 'init'), undefined, tokens.get(by) ?? null);
  const complete = (name: string, body: unknown) =>
    call('POST', path(name, 'complete'), body, tokens.get(name) ?? null);
  const verify = (name: string, totp: unknown, token: string) =>
    call('POST', path(name, 'verify'), { totp }, token);
  const login = (name: string, headers: Record<string, string> = {}) =>
    call(
      'POST',
      '/api/users/adm/authenticate',
      { username: `${name}@acme.test`, password: PASSWORD },
      null,
      headers,
    );
  /** A fresh sign-in of somebody who has no second factor yet. */
  const signIn = async (name: string): Promise<void> => {
    const { AuthToken } = await responseOf<{ AuthToken: string }>(login(name));
    tokens.set(name, AuthToken);
  };
  const setUp = async (name: string): Promise<string> => {
    await signIn(name);
    const { otp_auth_url, otp_auth_url_signature } = await responseOf<Setup>(init(name));
    const totp = codeOf(otp_auth_url, api.clock.now());
    const done = await complete(name, { otp_auth_url, otp_auth_url_signature, totp });
    expect(done).toEqual(
      answer(`totp setup complete for user ${name}@acme.test`, { recovery_codes: expect.any(Array) }),
    );
    recovery.set(name, (done.body as { Response: { recovery_codes: string[] } }).Response.recovery_codes);
    api.clock.advance(MINUTE);
    return otp_auth_url;
  };

  test('are set up, asked for, and turned off', async () => {
    await signIn('anna');
    const setup = await responseOf<Setup>(init('anna'));
    expect(Object.keys(setup)).toEqual(['otp_auth_url', 'otp_auth_url_signature', 'qr_code']);
    const link = new URL(setup.otp_auth_url);
    expect([link.protocol, link.host, link.searchParams.get('issuer')]).toEqual([
      'otpauth:',
      'totp',
      'Netmaker',
    ]);
    expect(decodeURIComponent(link.pathname)).toBe('/Netmaker:anna@acme.test');
    expect(setup.otp_auth_url_signature).toMatch(/^[0-9a-f]{64}$/u);
    expect(setup.qr_code).toMatch(/^data:image\/png;base64,iVBORw0KGgo/u);
    // Nothing holds yet.
    expect((await login('anna')).body).toMatchObject({ Message: 'W1R3: Device anna@acme.test Authorized' });

    const url = await setUp('anna');
    expect((await call('GET', '/api/users/anna@acme.test')).body).toMatchObject({ is_mfa_enabled: true });
    const first = await login('anna');
    expect(first.body).toEqual({
      Code: 200,
      Message: 'W1R3: TOTP required',
      Response: {
        user_name: 'anna@acme.test',
        pre_auth_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/u),
      },
    });
    const { pre_auth_token: pre } = (first.body as { Response: { pre_auth_token: string } }).Response;
    const claims = JSON.parse(Buffer.from(pre.split('.')[1] ?? '', 'base64url').toString()) as Wire;
    expect(claims).toMatchObject({ iss: 'Netmaker', sub: 'anna@acme.test', aud: ['auth:mfa'] });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(300);
    // What a password alone bought opens nothing else.
    expect(await call('GET', '/api/users/anna@acme.test', undefined, pre)).toEqual(
      error(401, 'unauthorized'),
    );

    expect(await verify('anna', '000000', pre)).toEqual(error(401, 'invalid otp'));
    expect(await verify('bert', codeOf(url, api.clock.now()), pre)).toEqual(error(403, 'forbidden'));
    const { AuthToken: token, UserName } = await responseOf<{ AuthToken: string; UserName: string }>(
      verify('anna', codeOf(url, api.clock.now()), pre),
    );
    expect(UserName).toBe('anna@acme.test');
    expect((await call('GET', '/api/users/anna@acme.test', undefined, token)).status).toBe(200);
    // A code is good once.
    expect(await verify('anna', codeOf(url, api.clock.now()), pre)).toEqual(error(401, 'invalid otp'));

    const off = await call('PUT', '/api/users/anna@acme.test', {
      username: 'anna@acme.test',
      is_mfa_enabled: false,
    });
    expect(off.body).toMatchObject({ is_mfa_enabled: false });
    expect((await login('anna')).body).toMatchObject({ Message: 'W1R3: Device anna@acme.test Authorized' });
    expect(await verify('anna', '123456', tokens.get('anna') ?? '')).toEqual(
      error(400, 'mfa is disabled for user(anna@acme.test), cannot process totp verification'),
    );
  });

  test('a code makes no session of a token, and leaves a session the way in that it has', async () => {
    const { member, token: api_token } = await api.createMember(api, 'member', 'emma');
    tokens.set('emma', api_token);
    await setPassword(api, member, PASSWORD);
    const url = await setUp('emma');
    expect(await verify('emma', codeOf(url, api.clock.now()), api_token)).toEqual(error(403, 'forbidden'));
    api.clock.advance(MINUTE);
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('emma'));
    const first = await responseOf<{ AuthToken: string }>(verify('emma', codeOf(url, api.clock.now()), pre));
    api.clock.advance(MINUTE);
    expect((await verify('emma', codeOf(url, api.clock.now()), first.AuthToken)).status).toBe(200);
    const sessions = await api.store.find('session', member.org, { membership: member.id });
    const [password] = await api.store.find('identity', member.org, {
      account: member.account,
      kind: 'password',
    });
    expect(sessions.map(({ identity }) => identity)).toEqual([password?.id, password?.id, password?.id]);
    // Nor does it make the sign-in a newer one.
    const proven = sessions.map(({ provenAt }) => provenAt);
    expect(Math.max(...proven)).toBe(api.clock.now() - MINUTE);
  });

  test('the first step is good for five minutes, and not for a dashboard that is denied', async () => {
    const url = await setUp('dora');
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('dora'));
    api.clock.advance(5 * MINUTE + SECOND);
    expect(await verify('dora', codeOf(url, api.clock.now()), pre)).toEqual(error(401, 'unauthorized'));
    expect(await login('dora', { 'from-ui': 'true' })).toEqual(error(401, 'access denied to dashboard'));
  });

  test('recovery codes are shown once, when it is set up, and each is good once', async () => {
    await setUp('erik');
    const codes = recovery.get('erik') ?? [];
    expect(new Set(codes).size).toBeGreaterThan(5);
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('erik'));
    expect((await verify('erik', codes[0], pre)).status).toBe(200);
    expect(await verify('erik', codes[0], pre)).toEqual(error(401, 'invalid otp'));
  });

  test('the first step ends with a suspension', async () => {
    const url = await setUp('carl');
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('carl'));
    await call('POST', '/api/users/carl@acme.test/disable');
    expect(await verify('carl', codeOf(url, api.clock.now()), pre)).toEqual(error(401, 'unauthorized'));
    await call('POST', '/api/users/carl@acme.test/enable');
  });

  test('a setup that was altered, is another’s, or comes with a wrong code is refused', async () => {
    await signIn('bert');
    await signIn('anna');
    const setup = await responseOf<Setup>(init('bert'));
    const totp = codeOf(setup.otp_auth_url, api.clock.now());
    const mismatch = error(400, 'otp auth url signature mismatch');
    const forged = setup.otp_auth_url.replace(/secret=[A-Z2-7]{4}/u, 'secret=AAAA');
    expect(
      await complete('bert', { ...setup, otp_auth_url: forged, totp: codeOf(forged, api.clock.now()) }),
    ).toEqual(mismatch);
    expect(await complete('bert', { ...setup, otp_auth_url_signature: '0'.repeat(64), totp })).toEqual(
      mismatch,
    );
    expect(await complete('anna', { ...setup, totp })).toEqual(mismatch);
    expect(await complete('bert', { ...setup, totp: '000000' })).toEqual(
      error(400, 'cannot setup totp for user bert@acme.test: invalid otp'),
    );
    expect((await complete('bert', { totp })).status).toBe(400);
    expect(await init('bert', 'anna')).toEqual(error(403, 'forbidden'));
    // Somebody who may only read does not set up what keeps the owner of the account out.
    const member = (
      await api.store.find('membership', api.organization.id, { usernameKey: 'bert@acme.test' })
    )[0];
    const narrow = await api.createToken(api, member ?? api.owner, ['all:read']);
    expect((await call('POST', path('bert', 'init'), undefined, narrow)).status).toBe(403);
  });

  test('are set up by nobody whose sign-in is old, and by no token', async () => {
    const { member, token } = await api.createMember(api, 'member', 'fred');
    await setPassword(api, member, PASSWORD);
    tokens.set('fred', token);
    expect((await init('fred')).status).toBe(403);
    await signIn('fred');
    api.clock.advance(9 * MINUTE);
    const setup = await responseOf<Setup>(init('fred'));
    api.clock.advance(2 * MINUTE);
    const again = error(401, 'for this, prove once more who you are: sign in again');
    expect(await init('fred')).toEqual(again);
    const totp = codeOf(setup.otp_auth_url, api.clock.now());
    expect(await complete('fred', { ...setup, totp })).toEqual(again);
    expect((await login('fred')).body).toMatchObject({ Message: 'W1R3: Device fred@acme.test Authorized' });
  });

  test('are turned off by their person, and a password changed, only after a fresh sign-in', async () => {
    const { member, token } = await api.createMember(api, 'member', 'gina');
    await setPassword(api, member, PASSWORD);
    const url = await setUp('gina');
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('gina'));
    const { AuthToken: session } = await responseOf<{ AuthToken: string }>(
      verify('gina', codeOf(url, api.clock.now()), pre),
    );
    const put = (body: object, by: string) =>
      call('PUT', '/api/users/gina@acme.test', { username: 'gina@acme.test', ...body }, by);
    api.clock.advance(11 * MINUTE);
    for (const body of [{ is_mfa_enabled: false }, { is_mfa_enabled: true, password: 'another password' }]) {
      expect((await put(body, session)).status).toBe(401);
      expect((await put(body, token)).status).toBe(403);
    }
    // What changes no way to sign in needs none.
    expect((await put({ is_mfa_enabled: true, display_name: 'Gina' }, session)).status).toBe(200);
    expect((await login('gina')).body).toMatchObject({ Message: 'W1R3: TOTP required' });
    const second = await responseOf<{ pre_auth_token: string }>(login('gina'));
    const fresh = await responseOf<{ AuthToken: string }>(
      verify('gina', codeOf(url, api.clock.now()), second.pre_auth_token),
    );
    expect((await put({ is_mfa_enabled: false }, fresh.AuthToken)).status).toBe(200);
  });

  test('wrong codes are counted', async () => {
    const url = await setUp('bert');
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('bert'));
    for (let tries = 0; tries < 10; tries += 1) await verify('bert', '000000', pre);
    expect((await verify('bert', codeOf(url, api.clock.now()), pre)).status).toBe(429);
  });

  test('where a second factor is enforced, whoever has none gets no session by a password', async () => {
    const org = api.organization.id;
    const enforce = (value: boolean) =>
      seed(api.store, org, (tx) =>
        tx.put('setting', { org, name: 'mfa_enforced', value, updatedAt: tx.now }),
      );
    await enforce(true);
    expect(await login('anna')).toEqual(error(400, expect.stringContaining('mfa is enforced')));
    await enforce(false);
  });

  test('forged first steps are none', async () => {
    const { pre_auth_token: pre } = await responseOf<{ pre_auth_token: string }>(login('dora'));
    const [header = '', payload = '', sealed = ''] = pre.split('.');
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Wire;
    for (const token of [
      `${header}.${payload}.${sealed.slice(0, -4)}AAAA`,
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${sealed}`,
      `${header}.${encode({ ...claims, aud: ['other'] })}.${sealed}`,
      `${header}.${payload}.`,
    ]) {
      expect(await verify('dora', '123456', token)).toEqual(error(401, 'unauthorized'));
    }
    // The name in its claims is not what counts.
    const renamed = `${header}.${encode({ ...claims, sub: 'anna@acme.test' })}.${sealed}`;
    expect(await verify('anna', '123456', renamed)).toEqual(error(403, 'forbidden'));
  });
});
