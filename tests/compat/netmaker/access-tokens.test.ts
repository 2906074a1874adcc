import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../../src/domain/model/people.ts';
import { DAY } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertGroup, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, GROUP_KIND, responseOf, uuidOf, type Wire } from './calls.ts';
import { createNetmakerServer } from './support.ts';

const PATH = '/api/v1/users/access_token';

describe.each(ENGINES)('Netmaker access tokens on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    tokens.set('owner', api.token);
    for (const role of ['admin', 'it-admin', 'network-admin', 'auditor', 'member', 'device-user'] as Role[]) {
      tokens.set(role, (await api.createMember(api, role, role)).token);
    }
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const name = (role: string) => `${role}@acme.test`;
  const soon = () => new Date(api.clock.now() + DAY).toISOString();
  const create = (by: string, of: string, body: Wire = {}) =>
    call('POST', PATH, { name: 'ci', user_name: name(of), expires_at: soon(), ...body }, tokens.get(by));
  const made = async (by: string, of: string, body?: Wire) =>
    (await responseOf<{ AuthToken: string }>(create(by, of, body))).AuthToken;
  const list = (by: string, of: string) =>
    call('GET', `${PATH}?username=${name(of)}`, undefined, tokens.get(by));
  const listed = (of: string) => responseOf<Wire[]>(list('owner', of));

  test('one is made, opens the API as its person, is listed without its secret, and ends', async () => {
    const called = await create('member', 'member', { id: 'chosen', created_by: 'owner', last_used: soon() });
    expect(called).toEqual(
      answer('api access token has generated for user member@acme.test', {
        UserName: 'member@acme.test',
        AuthToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/u),
      }),
    );
    const { AuthToken: token } = (called.body as { Response: { AuthToken: string } }).Response;
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Wire;
    expect(claims).toMatchObject({
      TokenType: 'access_token',
      UserName: 'member@acme.test',
      Role: 'platform-user',
    });
    expect(Number(claims.exp)).toBe(Math.floor((api.clock.now() + DAY) / 1000));
    expect((await call('GET', '/api/users/member@acme.test', undefined, token)).status).toBe(200);
    // It is who its person is, and no more.
    expect((await call('GET', '/api/users', undefined, token)).status).toBe(403);

    const [row, ...rest] = await responseOf<Wire[]>(list('member', 'member'));
    expect(rest).toEqual([]);
    expect(row).toEqual({
      id: claims.jti,
      name: 'ci',
      user_name: 'member@acme.test',
      expires_at: new Date(api.clock.now() + DAY).toISOString(),
      last_used: '0001-01-01T00:00:00Z',
      created_by: 'member@acme.test',
      created_at: new Date(api.clock.now()).toISOString(),
    });
    const users = (await call('GET', '/api/users')).body as Wire[];
    expect(users.find(({ username }) => username === 'member@acme.test')).toMatchObject({
      num_access_tokens: 1,
    });

    expect(await call('DELETE', `${PATH}?id=${row?.id}`, undefined, tokens.get('member'))).toEqual(
      answer('revoked access token'),
    );
    // What is remembered of a token goes when the feed says so: promised within a second, asserted at five.
    await expect
      .poll(() => call('GET', '/api/users/member@acme.test', undefined, token), { timeout: 5_000 })
      .toEqual(error(401, 'token revoked'));
    expect(await listed('member')).toEqual([]);
    expect(await call('DELETE', `${PATH}?id=${row?.id}`)).toEqual(error(400, 'token does not exist'));
  });

  test('it ends when it says so; without a time it lives a year', async () => {
    const token = await made('member', 'member');
    const zero = await made('member', 'member', { name: 'zero', expires_at: '0001-01-01T00:00:00Z' });
    const claims = JSON.parse(Buffer.from(zero.split('.')[1] ?? '', 'base64url').toString()) as Wire;
    expect(Number(claims.exp)).toBe(Math.floor((api.clock.now() + 365 * DAY) / 1000));
    api.clock.advance(DAY);
    expect((await call('GET', '/api/users/member@acme.test', undefined, token)).status).toBe(401);
    expect((await call('GET', '/api/users/member@acme.test', undefined, zero)).status).toBe(200);
  });

  test.each([
    [{ name: '' }, 400, 'name is required'],
    [{ user_name: '' }, 400, 'username is required'],
    [{ user_name: 'nobody' }, 401, 'record not found'],
    [{ expires_at: 'tomorrow' }, 400, 'expires_at: expected a time in RFC 3339'],
    [{ expires_at: '2001-01-01T00:00:00Z' }, 400, 'expires_at must be a time to come'],
    [{ name: 'a\u0000b' }, 400, expect.stringContaining('control characters')],
  ])('is not made of %j', async (body, status, message) => {
    const before = (await listed('member')).length;
    expect(await create('owner', 'member', body)).toEqual(error(status, message));
    expect(await listed('member')).toHaveLength(before);
  });

  test('the name in the path and the name in the body are one', async () => {
    const body = { name: 'x', user_name: name('owner'), expires_at: soon() };
    expect(await call('POST', `${PATH}?username=${name('member')}`, body, tokens.get('member'))).toEqual(
      error(400, 'user in param and request body not matching'),
    );
  });

  const denied = (of: string) => error(403, `not enough permissions to create token for user ${name(of)}`);
  test('whose tokens who may make', async () => {
    for (const of of ['admin', 'auditor', 'member', 'device-user'])
      expect((await create('owner', of)).status).toBe(200);
    for (const of of ['auditor', 'member', 'device-user'])
      expect((await create('admin', of)).status).toBe(200);
    for (const of of ['owner', 'it-admin']) expect(await create('admin', of)).toEqual(denied(of));
    expect(await create('auditor', 'member')).toEqual(denied('member'));
    expect(await create('member', 'auditor')).toEqual(error(403, 'forbidden'));
    for (const role of ['admin', 'auditor', 'device-user'])
      expect((await create(role, role)).status).toBe(200);
  });

  test('whose tokens who may see and end', async () => {
    await made('owner', 'admin');
    const [token] = await listed('admin');
    expect((await list('auditor', 'admin')).status).toBe(200);
    expect(await list('member', 'admin')).toEqual(error(403, 'forbidden'));
    for (const by of ['auditor', 'member', 'it-admin', 'device-user']) {
      expect(await call('DELETE', `${PATH}?id=${token?.id}`, undefined, tokens.get(by))).toEqual(
        error(403, 'not enough permissions to delete token'),
      );
    }
    expect(await call('GET', PATH)).toEqual(error(400, 'username is required'));
    expect(await call('DELETE', PATH)).toEqual(error(400, 'id is required'));
    for (const id of ['nothing', uuidOf(8, 1), uuidOf(2, api.owner.id)]) {
      expect(await call('DELETE', `${PATH}?id=${id}`)).toEqual(error(400, 'token does not exist'));
    }
  });

  test('a credential that was narrowed makes and ends none', async () => {
    const narrow = await api.createToken(api, api.owner, ['members', 'api_access_tokens', 'all:read']);
    const body = { name: 'wide', user_name: name('owner'), expires_at: soon() };
    expect((await call('POST', PATH, body, narrow)).status).toBe(403);
    expect((await call('POST', PATH, { ...body, user_name: name('member') }, narrow)).status).toBe(403);
    const [token] = await listed('admin');
    expect((await call('DELETE', `${PATH}?id=${token?.id}`, undefined, narrow)).status).toBe(403);
    // Nor does it change its person's password, which opens everything.
    const put = { username: name('owner'), password: 'another password' };
    expect((await call('PUT', `/api/users/${name('owner')}`, put, narrow)).status).toBe(403);
  });

  test('they end with another role, other groups, a suspension, a deletion', async () => {
    const org = api.organization.id;
    const group = await seed(api.store, org, (tx) => insertGroup(tx, org, { name: 'Ops' }));
    const fresh = async (user: string) => {
      await call('POST', `/api/users/${user}`, {
        username: user,
        password: 'password',
        platform_role_id: 'auditor',
      });
      const { AuthToken } = await responseOf<{ AuthToken: string }>(
        call('POST', PATH, { name: 'ci', user_name: user, expires_at: soon() }),
      );
      expect((await call('GET', `/api/users/${user}`, undefined, AuthToken)).status).toBe(200);
      return AuthToken;
    };
    const ends: readonly (readonly [string, (user: string) => Promise<unknown>])[] = [
      [
        'role',
        (user) => call('PUT', `/api/users/${user}`, { username: user, platform_role_id: 'service-user' }),
      ],
      [
        'groups',
        (user) =>
          call('PUT', `/api/users/${user}`, {
            username: user,
            user_group_ids: { [uuidOf(GROUP_KIND, group.id)]: {} },
          }),
      ],
      ['disable', (user) => call('POST', `/api/users/${user}/disable`)],
      ['delete', (user) => call('DELETE', `/api/users/${user}`)],
    ];
    for (const [what, end] of ends) {
      const user = `token.${what}`;
      const token = await fresh(user);
      await end(user);
      expect([what, (await call('GET', `/api/users/${user}`, undefined, token)).status]).toEqual([what, 401]);
    }
    const kept = await fresh('token.kept');
    await call('PUT', '/api/users/token.kept', {
      username: 'token.kept',
      display_name: 'Kept',
      platform_role_id: 'auditor',
    });
    expect((await call('GET', '/api/users/token.kept', undefined, kept)).status).toBe(200);
  });

  test('forged ones are none', async () => {
    const token = await made('owner', 'member');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Wire;
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const secret = signature.slice(0, 40);
    const signed = (changed: Wire) => {
      const text = `${header}.${encode(changed)}`;
      return `${text}.${secret}${createHmac('sha256', secret).update(text).digest('base64url')}`;
    };
    const [others] = await listed('admin');
    for (const forged of [
      `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      `${header}.${encode({ ...claims, UserName: name('owner') })}.${signature}`,
      // Whoever holds one token's secret can make a MAC: it opens no other token, and no session.
      signed({ ...claims, jti: others?.id }),
      signed({ ...claims, TokenType: 'user_id_token' }),
      signed({ ...claims, jti: 'x' }),
    ]) {
      expect(await call('GET', `/api/users/${name('member')}`, undefined, forged)).toEqual(
        error(401, 'unauthorized'),
      );
    }
    // Claims that say more than is true change nothing about who it is.
    const claimed = signed({ ...claims, Role: 'super-admin', UserName: name('owner'), exp: 9_999_999_999 });
    expect((await call('GET', '/api/users', undefined, claimed)).status).toBe(403);
  });

  test('another organization neither lists, makes nor ends them', async () => {
    const other = await api.createOrganization('other');
    await made('owner', 'member');
    const [token] = await listed('member');
    expect((await call('GET', `${PATH}?username=${name('member')}`, undefined, other.token)).status).toBe(
      500,
    );
    const body = { name: 'x', user_name: name('member'), expires_at: soon() };
    expect(await call('POST', PATH, body, other.token)).toEqual(error(401, 'record not found'));
    expect(await call('DELETE', `${PATH}?id=${token?.id}`, undefined, other.token)).toEqual(
      error(400, 'token does not exist'),
    );
    expect(await listed('member')).toContainEqual(token);
  });
});
