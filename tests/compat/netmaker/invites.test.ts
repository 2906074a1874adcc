import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DAY, MINUTE } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertGroup, insertNetwork, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, GROUP_KIND, responseOf, uuidOf, type Wire } from './calls.ts';
import { createNetmakerServer } from './support.ts';

interface Invite {
  readonly email: string;
  readonly platform_role_id: string;
  readonly user_group_ids: Record<string, object>;
  readonly network_roles: object;
  readonly invite_code: string;
  readonly invite_url: string;
}

describe.each(ENGINES)('Netmaker invites on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let ops: string;
  const tokens = new Map<string, string>();
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    const org = api.organization.id;
    ops = uuidOf(
      GROUP_KIND,
      await seed(api.store, org, async (tx) => {
        await insertNetwork(tx, org, { name: 'Prod', slug: 'prod' });
        return (await insertGroup(tx, org, { name: 'Ops' })).id;
      }),
    );
    for (const role of ['admin', 'auditor', 'member'] as const) {
      tokens.set(role, (await api.createMember(api, role, role)).token);
    }
  });
  beforeEach(() => api.clock.advance(10 * MINUTE));
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const invite = (emails: unknown, body: Wire = {}, token?: string) =>
    call(
      'POST',
      '/api/v1/users/invite',
      { user_emails: emails, platform_role_id: 'platform-user', ...body },
      token,
    );
  const invites = (token?: string) =>
    responseOf<Invite[]>(call('GET', '/api/v1/users/invites', undefined, token));
  const find = async (email: string, token?: string) =>
    (await invites(token)).find((one) => one.email === email);
  const query = (email: string, code: string) => new URLSearchParams({ email, invite_code: code }).toString();
  const verify = (email: string, code: string, headers: Record<string, string> = {}) =>
    call('GET', `/api/v1/users/invite?${query(email, code)}`, undefined, null, headers);
  const signUp = (email: string, code: string, body: Wire = {}) =>
    call(
      'POST',
      `/api/v1/users/invite-signup?${query(email, code)}`,
      { username: email, password: 'a password', ...body },
      null,
    );
  const codeOf = async (email: string) => (await find(email))?.invite_code ?? '';
  const TRIGGERED = answer('triggered user invites');

  test('is made, listed with its code, looked at, and answered once', async () => {
    expect(
      await invite(['New.Person+1@Example.com'], {
        platform_role_id: 'service-user',
        user_group_ids: { [ops]: { name: 'sent along' }, 'prod-network-user-grp': {} },
        network_roles: {},
      }),
    ).toEqual(TRIGGERED);
    const email = 'new.person+1@example.com';
    const listed = await find(email);
    expect(listed).toEqual({
      email,
      platform_role_id: 'service-user',
      user_group_ids: { [ops]: {}, 'prod-network-user-grp': {} },
      network_roles: { prod: { 'prod-network-user': {} } },
      invite_code: expect.stringMatching(/^[A-Z2-7]{8}$/u),
      invite_url: expect.stringMatching(
        /\/invite\?email=new\.person%2B1%40example\.com&invite_code=[A-Z2-7]{8}$/u,
      ),
    });
    const code = listed?.invite_code ?? '';
    expect(await verify(email, code)).toEqual(answer('invite is valid'));
    expect(await verify(email.toUpperCase(), code)).toEqual(answer('invite is valid'));
    expect(((await call('GET', '/api/users')).body as Wire[]).map(({ username }) => username)).not.toContain(
      email,
    );

    expect(
      await signUp(email, code, { platform_role_id: 'super-admin', user_group_ids: {}, isadmin: true }),
    ).toEqual(answer(`created user successfully ${email}`));
    expect((await call('GET', `/api/users/${encodeURIComponent(email)}`)).body).toMatchObject({
      username: email,
      platform_role_id: 'service-user',
      isadmin: false,
      user_group_ids: { [ops]: {}, 'prod-network-user-grp': {} },
    });
    expect(await find(email)).toBeUndefined();
    expect(await signUp(email, code)).toEqual(error(400, 'invalid invite code'));
    expect(await verify(email, code)).toEqual(error(500, 'invalid code'));
    const login = await call(
      'POST',
      '/api/users/adm/authenticate',
      { username: email, password: 'a password' },
      null,
    );
    expect(login.status).toBe(200);
  });

  test('roles on networks are kept, shown, and held by whoever signs up', async () => {
    const { id: custom } = await responseOf(
      call('POST', '/api/v1/users/role', {
        name: 'Helpers',
        network_id: 'prod',
        network_level_access: { user: { all_user: { read: true } } },
      }),
    );
    const roles = {
      prod: { 'prod-network-user': {}, [String(custom)]: {} },
      all_networks: { 'global-network-user': {} },
    };
    const email = 'roles@example.com';
    expect(await invite([email], { network_roles: roles })).toEqual(TRIGGERED);
    expect((await find(email))?.network_roles).toEqual(roles);
    // Once more: what was given before is replaced.
    expect(await invite([email], { network_roles: { prod: { [String(custom)]: {} } } })).toEqual(TRIGGERED);
    expect((await find(email))?.network_roles).toEqual({ prod: { [String(custom)]: {} } });
    expect(await invite([email], { network_roles: roles })).toEqual(TRIGGERED);
    expect((await signUp(email, await codeOf(email))).status).toBe(200);

    const full = await responseOf<{ user_group_ids: Record<string, { network_roles: Wire }> }>(
      call('GET', `/api/v1/users?username=${encodeURIComponent(email)}`),
    );
    const held = Object.values(full.user_group_ids).map((group) => group.network_roles);
    expect(held).toHaveLength(3);
    expect(held).toEqual(
      expect.arrayContaining([
        { prod: { 'prod-network-user': {} } },
        { prod: { [String(custom)]: {} } },
        { all_networks: { 'global-network-user': {} } },
      ]),
    );

    // The group that is there for the role alone goes with it.
    const groups = async () =>
      (await responseOf<Wire[]>(call('GET', '/api/v1/users/groups'))).map(({ name }) => name);
    expect(await groups()).toContain('Holders of Helpers on prod');
    expect((await call('DELETE', `/api/v1/users/role?role_id=${custom}`)).status).toBe(200);
    expect(await groups()).not.toContain('Holders of Helpers on prod');
  });

  test('an address that nobody invited is answered like a wrong code', async () => {
    await invite(['known@example.com']);
    expect(await verify('known@example.com', 'AAAAAAAA')).toEqual(
      await verify('unknown@example.com', 'AAAAAAAA'),
    );
    expect(await signUp('known@example.com', 'AAAAAAAA')).toEqual(
      await signUp('unknown@example.com', 'AAAAAAAA'),
    );
  });

  test('five wrong codes end it, until it is sent again', async () => {
    await invite(['guessed@example.com']);
    const code = await codeOf('guessed@example.com');
    for (let tries = 0; tries < 5; tries += 1) await verify('guessed@example.com', `AAAAAAA${tries + 2}`);
    expect(await verify('guessed@example.com', code)).toEqual(error(500, 'invalid code'));
    expect(await find('guessed@example.com')).toMatchObject({ invite_code: '', invite_url: '' });
    await invite(['guessed@example.com'], { platform_role_id: 'auditor' });
    const renewed = await find('guessed@example.com');
    expect(renewed).toMatchObject({ platform_role_id: 'auditor' });
    expect(renewed?.invite_code).not.toBe(code);
    expect(await verify('guessed@example.com', renewed?.invite_code ?? '')).toEqual(
      answer('invite is valid'),
    );
    expect(await verify('guessed@example.com', code)).toEqual(error(500, 'invalid code'));
  });

  test('guesses are counted by where they come from as well', async () => {
    for (let tries = 0; tries < 50; tries += 1) await verify(`nobody${tries}@example.com`, 'AAAAAAAA');
    expect((await verify('nobody@example.com', 'AAAAAAAA')).status).toBe(429);
  });

  test('it ends after as long as the organization says', async () => {
    await invite(['late@example.com']);
    const code = await codeOf('late@example.com');
    api.clock.advance(7 * DAY);
    expect(await find('late@example.com')).toBeUndefined();
    expect(await verify('late@example.com', code)).toEqual(error(500, 'invalid code'));
  });

  test.each([
    [['not an address'], {}, 400, 'invalid email not an address'],
    [['ok@example.com', 'x@y'], {}, 400, 'invalid email x@y'],
    [['ok@example.com'], { platform_role_id: 'super-admin' }, 400, 'super admin cannot be invited'],
    [['ok@example.com'], { platform_role_id: '' }, 400, 'platform role id cannot be empty'],
    [['ok@example.com'], { platform_role_id: 'nothing' }, 400, 'record not found'],
    [['ok@example.com'], { user_group_ids: { nothing: {} } }, 400, 'user group `nothing` not found'],
    [['ok@example.com'], { user_group_ids: [] }, 400, expect.stringMatching(/^user_group_ids/u)],
    [
      ['ok@example.com'],
      { network_roles: { prod: { admin: {} } } },
      400,
      'cannot use platform as network role admin',
    ],
    [['ok@example.com'], { network_roles: { prod: { nothing: {} } } }, 400, 'failed to fetch role nothing '],
    [
      ['ok@example.com'],
      { network_roles: { nowhere: { 'prod-network-user': {} } } },
      400,
      'failed to fetch network nowhere ',
    ],
    ['ok@example.com', {}, 400, expect.stringMatching(/^user_emails/u)],
    [
      ['ok@example.com'],
      { network_roles: { nowhere: { 'global-network-user': {} } } },
      400,
      'invalid network role global-network-user',
    ],
  ])('%j with %j is refused, and nobody is invited', async (emails, body, status, message) => {
    expect(await invite(emails, body as Wire)).toEqual(error(status, message));
    expect(await find('ok@example.com')).toBeUndefined();
  });

  test('who has joined is passed over; administrators are invited by the owner alone', async () => {
    expect(await invite(['member@acme.test', 'fresh@example.com'])).toEqual(TRIGGERED);
    expect(await find('member@acme.test')).toBeUndefined();
    expect(await invite(['boss@example.com'], { platform_role_id: 'admin' }, tokens.get('admin'))).toEqual(
      error(403, 'only superadmin can invite admin users'),
    );
    expect(await invite(['boss@example.com'], { platform_role_id: 'admin' })).toEqual(TRIGGERED);
    expect((await invite(['x@example.com'], {}, tokens.get('auditor'))).status).toBe(403);
    expect((await invite(['x@example.com'], {}, tokens.get('member'))).status).toBe(403);
  });

  test('a code is shown to whoever could give what it is for', async () => {
    await invite(['boss@example.com'], { platform_role_id: 'admin' });
    await invite(['plain@example.com']);
    expect((await find('boss@example.com'))?.invite_code).not.toBe('');
    // Who may read everything would else become an administrator by it.
    expect(await find('boss@example.com', tokens.get('auditor'))).toMatchObject({
      invite_code: '',
      invite_url: '',
    });
    expect(await find('plain@example.com', tokens.get('auditor'))).toMatchObject({
      invite_code: '',
      invite_url: '',
    });
    expect(await find('boss@example.com', tokens.get('admin'))).toMatchObject({ invite_code: '' });
    expect((await find('plain@example.com', tokens.get('admin')))?.invite_code).not.toBe('');
  });

  test('signing up takes the invited address and a password', async () => {
    await invite(['strict@example.com']);
    const code = await codeOf('strict@example.com');
    expect(await signUp('strict@example.com', code, { username: 'other@example.com' })).toEqual(
      error(400, 'username not matching with invite'),
    );
    expect(await signUp('strict@example.com', code, { password: '' })).toEqual(
      error(400, 'password cannot be empty'),
    );
    expect(await signUp('strict@example.com', code, { password: 'four' })).toEqual(
      error(500, 'password must have a minimum of 5 characters'),
    );
    expect(await verify('strict@example.com', code)).toEqual(answer('invite is valid'));
  });

  test('one is taken back, all are taken back, by none who may not', async () => {
    await invite(['gone@example.com', 'also@example.com']);
    expect(await call('DELETE', '/api/v1/users/invite?invitee_email=GONE@example.com')).toEqual(
      answer('deleted user invite'),
    );
    expect(await find('gone@example.com')).toBeUndefined();
    expect(await call('DELETE', '/api/v1/users/invite?invitee_email=nobody@example.com')).toEqual(
      answer('deleted user invite'),
    );
    for (const path of ['/api/v1/users/invite?invitee_email=also@example.com', '/api/v1/users/invites']) {
      expect((await call('DELETE', path, undefined, tokens.get('auditor'))).status).toBe(403);
    }
    expect(await call('DELETE', '/api/v1/users/invites')).toEqual(answer('cleared all pending user invites'));
    expect(await invites()).toEqual([]);
  });

  test('are all taken back, or none', async () => {
    // A narrowed credential manages no administrators.
    const token = await api.createToken(api, api.owner, ['users']);
    await invite(['first@example.com']);
    await invite(['second@example.com'], { platform_role_id: 'admin' });
    const refused = await call('DELETE', '/api/v1/users/invites', undefined, token);
    expect(refused.status).toBe(403);
    expect((await invites()).map(({ email }) => email)).toEqual(['first@example.com', 'second@example.com']);
    await call('DELETE', '/api/v1/users/invites');
    expect(await invites()).toEqual([]);
  });

  test('the code of one organization opens nothing in another', async () => {
    await invite(['two@example.com']);
    const code = await codeOf('two@example.com');
    const other = await api.createOrganization('other');
    await invite(['two@example.com'], {}, other.token);
    const there = (await find('two@example.com', other.token))?.invite_code ?? '';
    expect(there).not.toBe(code);
    const at = (tenant: string) => ({ 'x-tenant-id': tenant });
    expect((await verify('two@example.com', code, at('other'))).status).toBe(500);
    expect((await verify('two@example.com', there, at('other'))).status).toBe(200);
    expect((await verify('two@example.com', code, at('acme'))).status).toBe(200);
    await call('DELETE', '/api/v1/users/invites', undefined, other.token);
    expect(await find('two@example.com')).toBeDefined();
  });
});
