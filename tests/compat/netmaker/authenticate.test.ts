import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Membership } from '../../../src/domain/model/people.ts';
import { MINUTE } from '../../../src/kernel/clock.ts';
import {
  type ApiServer,
  type CallOptions,
  ENGINES,
  type TestOrganization,
} from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { createNetmakerServer, setPassword } from './support.ts';

const PATH = '/api/users/adm/authenticate';
const RIGHT = 'a right password';

interface Login {
  Code: number;
  Message: string;
  Response: { UserName: string; AuthToken: string };
}

describe.each(ENGINES)('signing in over Netmaker on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const people = new Map<string, Membership>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    acme = api;
    for (const [name, role] of [
      ['anna', 'admin'],
      ['dora', 'device-user'],
      ['sue', 'member'],
      ['nopass', 'member'],
    ] as const) {
      const { member } = await api.createMember(acme, role, name);
      people.set(name, member);
      if (name !== 'nopass') await setPassword(api, member, RIGHT);
    }
    await setPassword(api, api.owner, RIGHT);
    await seed(api.store, acme.organization.id, (tx) =>
      tx.update('membership', acme.organization.id, people.get('sue')?.id ?? 0, { suspendedAt: 1 }),
    );
  });
  beforeEach(() => api.clock.advance(10 * MINUTE));
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const login = (username: unknown, password: unknown, options: CallOptions = {}) =>
    api.call('POST', PATH, { token: null, body: { username, password }, ...options });

  test('the right password gives a session that looks like a JWT and opens the API', async () => {
    const answer = await login('anna@acme.test', RIGHT);
    const { Code, Message, Response } = answer.json<Login>();
    expect([answer.status, Code, Message]).toEqual([200, 200, 'W1R3: Device anna@acme.test Authorized']);
    expect(Object.keys(Response)).toEqual(['UserName', 'AuthToken']);
    const [header = '', payload = ''] = Response.AuthToken.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' });
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(claims).toMatchObject({
      UserName: 'anna@acme.test',
      Role: 'admin',
      iss: 'Netmaker',
      sub: 'user|anna@acme.test',
      TokenType: 'user_id_token',
    });
    // Half a day, unless the organization says otherwise.
    expect(claims.exp - claims.iat).toBe(43_200);
    const users = await api.call('GET', '/api/users', { token: Response.AuthToken });
    expect(users.status).toBe(200);
    const self = users
      .json<{ username: string; last_login_time: string }[]>()
      .find(({ username }) => username === 'anna@acme.test');
    expect(Date.parse(self?.last_login_time ?? '')).toBe(api.clock.now());
    api.clock.advance(12 * 60 * MINUTE);
    expect((await api.call('GET', '/api/users', { token: Response.AuthToken })).status).toBe(401);
  });

  test('the name is found whatever its case, also by e-mail', async () => {
    expect((await login(' ANNA@acme.test ', RIGHT)).status).toBe(200);
  });

  test('a token with changed claims, another signature or algorithm is none', async () => {
    const token = (await login('dora@acme.test', RIGHT)).json<Login>().Response.AuthToken;
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const promoted = encode({
      ...claims,
      Role: 'super-admin',
      UserName: 'owner@acme.test',
      exp: 9_999_999_999,
    });
    const sign = (key: string, text: string) => createHmac('sha256', key).update(text).digest('base64url');
    for (const forged of [
      `${header}.${promoted}.${signature}`,
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`,
      `${encode({ alg: 'RS256', typ: 'JWT' })}.${payload}.${signature}`,
      `${header}.${payload}.${sign('secret', `${header}.${payload}`)}`,
      `${header}.${payload}.${'A'.repeat(40)}${sign('A'.repeat(40), `${header}.${payload}`)}`,
      `${header}.${payload}`,
      `${token}x`,
    ]) {
      const answer = await api.call('GET', `/api/users/dora@acme.test`, { token: forged });
      expect([answer.status, answer.json<Login>().Message]).toEqual([401, 'unauthorized']);
    }
    expect((await api.call('GET', '/api/users/dora@acme.test', { token })).status).toBe(200);
  });

  test.each([
    ['a wrong password', 'anna@acme.test', 'wrong', 400, 'incorrect credentials'],
    ['an unknown user', 'nobody@acme.test', RIGHT, 400, 'incorrect credentials'],
    ['a user without a password', 'nopass@acme.test', RIGHT, 400, 'incorrect credentials'],
    ['a disabled user with a wrong password', 'sue@acme.test', 'wrong', 400, 'incorrect credentials'],
    ['a disabled user', 'sue@acme.test', RIGHT, 401, 'user account disabled'],
    ['no user name', '', RIGHT, 401, 'user identifiers not provided'],
    ['no password', 'anna@acme.test', '', 400, "password can't be empty"],
    ['a user name that is no text', 7, RIGHT, 401, 'user identifiers not provided'],
  ])('%s is refused', async (_name, username, password, status, message) => {
    const answer = await login(username, password);
    expect([answer.status, answer.json()]).toEqual([
      status,
      { Code: status, Message: message, Response: null },
    ]);
  });

  test.each(['', 'nonsense', '[]', '"text"', 'null'])(
    'the body %j is answered as upstream does',
    async (body) => {
      const answer = await api.call('POST', PATH, {
        token: null,
        body,
        headers: { 'content-type': 'text/plain' },
      });
      expect([answer.status, answer.json()]).toEqual([
        500,
        { Code: 500, Message: "W1R3: It's not you it's me.", Response: null },
      ]);
    },
  );

  test('a service user gets in, but not into the dashboard', async () => {
    expect((await login('dora@acme.test', RIGHT)).status).toBe(200);
    const answer = await login('dora@acme.test', RIGHT, { headers: { 'from-ui': 'true' } });
    expect([answer.status, answer.json<Login>().Message]).toEqual([401, 'access denied to dashboard']);
  });

  test('with passwords switched off only the owner gets in', async () => {
    const org = acme.organization.id;
    const set = (value: boolean) =>
      seed(api.store, org, (tx) =>
        tx.put('setting', { org, name: 'password_login', value, updatedAt: tx.now }),
      );
    await set(false);
    const refused = await login('anna@acme.test', RIGHT);
    expect([refused.status, refused.json<Login>().Message]).toEqual([400, 'basic auth is disabled']);
    expect((await login('anna@acme.test', 'wrong')).json<Login>().Message).toBe('incorrect credentials');
    expect((await login('owner@acme.test', RIGHT)).status).toBe(200);
    await set(true);
  });

  test('a session ends with its user: at once, and told in words', async () => {
    const org = acme.organization.id;
    const { member } = await api.createMember(acme, 'admin', 'short');
    await setPassword(api, member, RIGHT);
    const token = (await login('short@acme.test', RIGHT)).json<Login>().Response.AuthToken;
    expect((await api.call('GET', '/api/users', { token })).status).toBe(200);
    await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { suspendedAt: tx.now }));
    const answer = await api.call('GET', '/api/users', { token });
    expect([answer.status, answer.json<Login>().Message]).toEqual([401, 'user account disabled']);
  });

  test('after ten failures a name is refused for a while, whether or not it exists, and others are not', async () => {
    for (const name of ['anna@acme.test', 'ghost@acme.test']) {
      for (let attempt = 0; attempt < 10; attempt += 1) expect((await login(name, 'wrong')).status).toBe(400);
      const blocked = await login(name, RIGHT);
      expect(blocked.status).toBe(429);
      expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await login('dora@acme.test', RIGHT)).status).toBe(200);
    api.clock.advance(6 * MINUTE);
    expect((await login('anna@acme.test', RIGHT)).status).toBe(200);
  });

  test('the organization comes from the tenant header or the host, and a name of another one is unknown', async () => {
    const other = await api.createOrganization('other');
    await setPassword(api, other.owner, RIGHT);
    const as = (name: string, headers: Record<string, string>) => login(name, RIGHT, { headers });
    // Two organizations, and no hint: none is meant.
    expect((await as('anna@acme.test', {})).status).toBe(400);
    expect((await as('anna@acme.test', { 'x-tenant-id': 'acme' })).status).toBe(200);
    expect((await as('anna@acme.test', { host: 'acme.example.com' })).status).toBe(200);
    expect((await as('anna@acme.test', { 'x-tenant-id': 'other' })).status).toBe(400);
    expect((await as('owner@other.test', { 'x-tenant-id': 'other' })).status).toBe(200);
    expect((await as('owner@other.test', { 'x-tenant-id': 'acme', host: 'other.example.com' })).status).toBe(
      400,
    );
  });

  test('no body makes it fail otherwise than it says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ username: fc.anything(), password: fc.anything() }),
        async ({ username, password }) => {
          const { status, text } = await api.call('POST', PATH, {
            token: null,
            body: JSON.stringify({ username, password }, (_key, value) =>
              typeof value === 'bigint' ? 1 : value,
            ),
            headers: { 'x-tenant-id': 'acme' },
          });
          expect([400, 401, 429]).toContain(status);
          expect(text).not.toContain('internal');
        },
      ),
      { numRuns: 20 },
    );
  });
});
