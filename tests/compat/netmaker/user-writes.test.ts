import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Membership, Role } from '../../../src/domain/model/people.ts';
import { MINUTE } from '../../../src/kernel/clock.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertGroup, insertMember, seed } from '../../support/seeds.ts';
import { createNetmakerServer } from './support.ts';

const uuidOfGroup = (id: number): string => {
  const hex = id.toString(16).padStart(14, '0');
  return `686f6c64-0003-8000-80${hex.slice(0, 2)}-${hex.slice(2)}`;
};
type Wire = Record<string, unknown> & { Message?: string; username?: string; Response?: unknown };

describe.each(ENGINES)('Netmaker users written on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  let groups: { ops: number; synced: number; system: number };
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    acme = api;
    const org = acme.organization.id;
    groups = await seed(api.store, org, async (tx) => ({
      ops: (await insertGroup(tx, org, { name: 'Ops' })).id,
      synced: (await insertGroup(tx, org, { name: 'Synced', kind: 'directory' })).id,
      system: (
        await insertGroup(tx, org, { name: 'N users', kind: 'system', systemKey: 'n-network-user-grp' })
      ).id,
    }));
  });
  beforeEach(() => api.clock.advance(10 * MINUTE));
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const call = async (method: string, path: string, body?: unknown, token: string | null = api.token) => {
    const answer = await api.call(method, path, { token, ...(body === undefined ? {} : { body }) });
    return { status: answer.status, body: answer.text === '' ? undefined : (answer.json() as Wire) };
  };
  const create = (username: string, rest: object = {}, token?: string) =>
    call(
      'POST',
      `/api/users/${encodeURIComponent(username)}`,
      { username, password: 'secret pass', platform_role_id: 'service-user', ...rest },
      token,
    );
  const update = (username: string, rest: object, token?: string) =>
    call('PUT', `/api/users/${encodeURIComponent(username)}`, { username, ...rest }, token);
  const login = async (username: string, password: string) =>
    (await call('POST', '/api/users/adm/authenticate', { username, password }, null)) as {
      status: number;
      body: Wire & { Response?: { AuthToken: string } };
    };
  const error = (Code: number, Message: string | RegExp) => ({
    status: Code,
    body: {
      Code,
      Message: typeof Message === 'string' ? Message : expect.stringMatching(Message),
      Response: null,
    },
  });
  const row = async (username: string): Promise<Membership | undefined> =>
    (await api.store.find('membership', acme.organization.id, { usernameKey: username.toLowerCase() }))[0];
  /** Moves with every write but marks of use, which are noted in the background. */
  const head = async () => (await api.store.auditHead(acme.organization.id)).auditSeq;
  const member = async (role: Role, name: string) => api.createMember(acme, role, name);

  describe('create', () => {
    test('makes a user who is in at once, with role, groups and a password that works', async () => {
      const made = await create('alice', {
        display_name: 'Alice',
        user_group_ids: {
          [uuidOfGroup(groups.ops)]: { name: 'sent along' },
          'n-network-user-grp': {},
          'global-network-admin-grp': {},
        },
        network_roles: {},
        'confirm-password': 'x',
      });
      expect(made.status).toBe(200);
      expect(made.body).toMatchObject({
        username: 'alice',
        display_name: 'Alice',
        platform_role_id: 'service-user',
        account_disabled: false,
        auth_type: 'basic_auth',
        created_by: 'owner@acme.test',
      });
      expect(Object.keys(made.body?.user_group_ids ?? {}).sort()).toEqual(
        [uuidOfGroup(groups.ops), 'n-network-user-grp'].sort(),
      );
      expect((await login('alice', 'secret pass')).status).toBe(200);
      expect(await row('alice')).toMatchObject({ email: null, role: 'device-user' });
    });

    test('takes an e-mail address as name and as address', async () => {
      expect((await create('Carol@Acme.test')).body).toMatchObject({ username: 'Carol@Acme.test' });
      expect(await row('carol@acme.test')).toMatchObject({
        email: 'Carol@Acme.test',
        emailKey: 'carol@acme.test',
      });
    });

    test.each([
      ['super-admin', 403, 'additional superadmins cannot be created'],
      ['', 400, 'platform role is missing'],
      ['nothing', 400, 'error fetching role nothing record not found'],
    ])('refuses the role %j', async (role, status, message) => {
      expect(await create('never', { platform_role_id: role })).toEqual(error(status, message));
    });

    test.each([
      ['abc', 'username must have more than 3 characters'],
      ['a b c d', 'invalid character(s) in username'],
      ['a/b/c/d', 'invalid character(s) in username'],
      ['user@nowhere', 'invalid character(s) in username'],
      ['x@y', 'username must have more than 3 characters\ninvalid character(s) in username'],
      ['masteradministrator', 'username not allowed'],
      ['ceo@local', 'invalid character(s) in username'],
    ])('refuses the name %j', async (name, message) => {
      expect(await create(name)).toEqual(error(400, message));
    });

    test('refuses a name that somebody has, whatever its case, a short password, unknown groups, and another name in the path', async () => {
      await create('Bobby');
      expect(await create('bobby')).toEqual(error(400, 'user exists'));
      expect(await create('owner@acme.test')).toEqual(error(400, 'user exists'));
      expect(await create('dave', { password: 'four' })).toEqual(
        error(400, 'password must have a minimum of 5 characters'),
      );
      expect(await create('dave', { user_group_ids: { nothing: {} } })).toEqual(
        error(400, 'invalid groups: user group `nothing` not found'),
      );
      expect(
        await call('POST', '/api/users/dave', {
          username: 'other',
          password: 'secret',
          platform_role_id: 'auditor',
        }),
      ).toEqual(error(400, 'user in param and request body not matching'));
      expect(await row('dave')).toBeUndefined();
    });

    test('persists nothing else of the body', async () => {
      await create('mass', {
        id: 1,
        is_mfa_enabled: true,
        totp_secret: 'x',
        external_identity_provider_id: 'evil',
        auth_type: 'oauth',
        account_disabled: true,
        created_by: 'me',
        isadmin: true,
        issuperadmin: true,
      });
      const { body } = await call('GET', '/api/users/mass');
      expect(body).toMatchObject({
        is_mfa_enabled: false,
        external_identity_provider_id: '',
        auth_type: 'basic_auth',
        account_disabled: false,
        created_by: 'owner@acme.test',
        isadmin: false,
      });
    });

    test('is the administrators’, and administrators are the owner’s to make', async () => {
      const admin = await member('admin', 'maker');
      expect(await create('by-admin', {}, admin.token)).toMatchObject({ status: 200 });
      expect(await create('boss', { platform_role_id: 'admin' }, admin.token)).toEqual(
        error(403, 'only superadmin can create admin users'),
      );
      expect(await create('boss', { platform_role_id: 'admin' })).toMatchObject({
        status: 200,
        body: { isadmin: true },
      });
      for (const role of ['network-admin', 'auditor', 'member', 'device-user'] as const) {
        const { token } = await member(role, `nomaker-${role}`);
        expect(await create('sneaky', {}, token)).toEqual(error(403, 'access denied to user'));
        // The hole of the original: one's own name in the path, another's in the body.
        expect(
          (
            await call(
              'POST',
              `/api/users/nomaker-${role}@acme.test`,
              { username: 'sneaky', password: 'secret', platform_role_id: 'service-user' },
              token,
            )
          ).status,
        ).toBe(403);
      }
      expect(await row('sneaky')).toBeUndefined();
    });

    test('is refused while passwords are off', async () => {
      const org = acme.organization.id;
      const set = (value: boolean) =>
        seed(api.store, org, (tx) => tx.put('setting', { org, name: 'password_login', value, updatedAt: 1 }));
      await set(false);
      expect(await create('nopass')).toEqual(error(400, 'basic auth is disabled'));
      await set(true);
    });
  });

  describe('update', () => {
    test('keeps what is absent, null or empty, and changes the rest', async () => {
      await create('erin', { display_name: 'Erin', user_group_ids: { [uuidOfGroup(groups.ops)]: {} } });
      const before = await head();
      const kept = await update('erin', {
        password: '',
        display_name: '',
        platform_role_id: '',
        user_group_ids: null,
      });
      expect(kept).toMatchObject({
        status: 200,
        body: {
          display_name: 'Erin',
          platform_role_id: 'service-user',
          user_group_ids: { [uuidOfGroup(groups.ops)]: {} },
        },
      });
      expect(await head()).toBe(before);
      expect(
        (await update('erin', { platform_role_id: 'platform-user', display_name: 'E.', user_group_ids: {} }))
          .body,
      ).toMatchObject({ display_name: 'E.', platform_role_id: 'platform-user', user_group_ids: {} });
      expect(
        (await update('erin', { user_group_ids: { unknown: {}, 'n-network-user-grp': {} } })).body
          ?.user_group_ids,
      ).toEqual({ 'n-network-user-grp': {} });
      expect(await update('erin', { user_group_ids: { [uuidOfGroup(groups.synced)]: {} } })).toEqual(
        error(400, 'cannot modify membership of external groups'),
      );
    });

    test.each([
      ['network-admin', 'platform-user'],
      ['access-reviewer', 'platform-user'],
      ['support', 'auditor'],
      ['billing-admin', 'auditor'],
      ['it-admin', 'admin'],
      ['device-user', 'service-user'],
    ] as const)('leaves the role %s as it is when %s is written back', async (role, name) => {
      const { member: target } = await member(role, `same-${role}`);
      const before = await head();
      expect((await update(`same-${role}@acme.test`, { platform_role_id: name })).status).toBe(200);
      expect((await api.store.get('membership', acme.organization.id, target.id))?.role).toBe(role);
      expect(await head()).toBe(before);
    });

    test('with a new password the old one and the sessions of it end', async () => {
      await create('frank');
      const old = await login('frank', 'secret pass');
      const token = old.body.Response?.AuthToken ?? '';
      expect((await update('frank', { password: 'four' })).body?.Message).toBe(
        'password requires min 5 characters',
      );
      expect((await update('frank', { password: 'another one' })).status).toBe(200);
      expect((await login('frank', 'secret pass')).status).toBe(400);
      expect((await login('frank', 'another one')).status).toBe(200);
      expect((await call('GET', '/api/users/frank', undefined, token)).status).toBe(401);
    });

    test('of oneself changes name and password, and neither role nor groups', async () => {
      await create('grace', { user_group_ids: { [uuidOfGroup(groups.ops)]: {} } });
      const token = (await login('grace', 'secret pass')).body.Response?.AuthToken ?? '';
      expect(await update('grace', { platform_role_id: 'admin' }, token)).toEqual(
        error(403, 'user not allowed to self assign role'),
      );
      expect(await update('grace', { platform_role_id: 'super-admin' }, token)).toMatchObject({
        status: 403,
      });
      expect(await update('grace', { user_group_ids: {} }, token)).toEqual(
        error(403, 'user cannot update self update their groups'),
      );
      const own = await call('GET', '/api/v1/users?username=grace', undefined, token);
      const stored = (own.body as unknown as { Response: object }).Response;
      expect(
        await update('grace', { ...stored, password: 'my own choice', display_name: 'Grace' }, token),
      ).toMatchObject({ status: 200, body: { display_name: 'Grace' } });
      // The session that changed the password goes on.
      expect((await call('GET', '/api/users/grace', undefined, token)).status).toBe(200);
      expect(await update('erin', { display_name: 'x' }, token)).toEqual(error(403, 'forbidden'));
    });

    test('of administrators is the owner’s, of the owner nobody’s', async () => {
      const admin = await member('admin', 'upd');
      await member('admin', 'peer');
      expect(await update('peer@acme.test', { display_name: 'x' }, admin.token)).toEqual(
        error(403, 'an admin user does not have permissions to update another admin user'),
      );
      expect(await update('erin', { platform_role_id: 'admin' }, admin.token)).toEqual(
        error(403, 'an admin user does not have permissions to assign the admin role to another user'),
      );
      expect(await update('owner@acme.test', { display_name: 'x' }, admin.token)).toEqual(
        error(403, 'cannot update superadmin user'),
      );
      expect(await update('erin', { platform_role_id: 'super-admin' })).toEqual(
        error(403, /transferSuperAdmin/u),
      );
      expect((await update('peer@acme.test', { platform_role_id: 'platform-user' })).body).toMatchObject({
        isadmin: false,
      });
    });

    test('of somebody who signs in elsewhere changes no password', async () => {
      const org = acme.organization.id;
      await seed(api.store, org, async (tx) => {
        const sso = await insertMember(tx, org, { username: 'sso@acme.test' });
        await tx.insert('identity', {
          org,
          id: tx.newId(),
          account: sso.account,
          kind: 'sso',
          issuer: 'https://idp.test',
          subject: 's',
          email: null,
          emailVerified: true,
          secretHash: null,
          sealed: null,
          data: {},
          createdAt: 1,
          lastUsed: null,
        });
        const global = await insertMember(tx, org, { username: 'global@acme.test' });
        await tx.insert('identity', {
          org: 0,
          id: tx.newId(),
          account: global.account,
          kind: 'password',
          issuer: 'password',
          subject: String(global.account),
          email: null,
          emailVerified: true,
          secretHash: 'h',
          sealed: null,
          data: {},
          createdAt: 1,
          lastUsed: null,
        });
      });
      for (const name of ['sso@acme.test', 'global@acme.test']) {
        expect(await update(name, { password: 'taken over' })).toEqual(
          error(403, `cannot update user's password for an oauth user ${name}`),
        );
        expect((await login(name, 'taken over')).status).toBe(400);
      }
    });

    test('takes the second factor away when it says so, unless it is enforced on oneself', async () => {
      const org = acme.organization.id;
      await create('henry');
      const henry = await row('henry');
      const factor = () =>
        seed(api.store, org, (tx) =>
          tx.insert('identity', {
            org,
            id: tx.newId(),
            account: henry?.account ?? 0,
            kind: 'totp',
            issuer: 'totp',
            subject: String(henry?.account),
            email: null,
            emailVerified: false,
            secretHash: null,
            sealed: 's',
            data: {},
            createdAt: 1,
            lastUsed: null,
          }),
        );
      await factor();
      expect((await update('henry', {})).body).toMatchObject({ is_mfa_enabled: true });
      expect((await update('henry', { is_mfa_enabled: false })).body).toMatchObject({
        is_mfa_enabled: false,
      });
      await factor();
      await seed(api.store, org, (tx) =>
        tx.put('setting', { org, name: 'mfa_enforced', value: true, updatedAt: 1 }),
      );
      const token = await api.createToken(acme, henry!, ['all']);
      expect(await update('henry', { is_mfa_enabled: false }, token)).toEqual(
        error(403, 'mfa is enforced, user cannot unset their own mfa'),
      );
    });

    test('of nobody, or under another name, is refused', async () => {
      expect(await update('nobody-here', {})).toEqual(error(500, 'record not found'));
      expect(await call('PUT', '/api/users/erin', { username: 'frank' })).toEqual(
        error(400, 'user in param and request body not matching'),
      );
      expect(
        await call('PUT', '/api/users/erin', { username: 'erin', user_group_ids: ['list'] }),
      ).toMatchObject({ status: 400 });
    });
  });

  describe('enable, disable and delete', () => {
    test('disable cuts a user off at once, enable brings back all but the sessions', async () => {
      await create('ivan');
      const session = (await login('ivan', 'secret pass')).body.Response?.AuthToken ?? '';
      const token = await api.createToken(acme, (await row('ivan'))!, ['all']);
      expect(await call('POST', '/api/users/ivan/disable')).toEqual({
        status: 200,
        body: { Code: 200, Message: 'user account disabled', Response: null },
      });
      expect(await call('POST', '/api/users/ivan/disable')).toMatchObject({ status: 200 });
      expect(await call('GET', '/api/users/ivan', undefined, token)).toEqual(
        error(401, 'user account disabled'),
      );
      expect(await login('ivan', 'secret pass')).toMatchObject({
        status: 401,
        body: { Message: 'user account disabled' },
      });
      expect(await call('POST', '/api/users/ivan/enable')).toEqual({
        status: 200,
        body: { Code: 200, Message: 'user account enabled', Response: null },
      });
      expect((await call('GET', '/api/users/ivan', undefined, token)).status).toBe(200);
      expect((await call('GET', '/api/users/ivan', undefined, session)).status).toBe(401);
    });

    test('external clients go with a disabled user only by force', async () => {
      await create('jane');
      await call('POST', '/api/users/jane/disable');
      expect(await row('jane')).toMatchObject({ keepClients: true });
      await call('POST', '/api/users/jane/enable');
      await call('POST', '/api/users/jane/disable?force_disable_configs=true');
      expect(await row('jane')).toMatchObject({ keepClients: false });
    });

    test('nobody switches himself, the owner, or as an administrator another one', async () => {
      const admin = await member('admin', 'switcher');
      await member('it-admin', 'other-admin');
      for (const verb of ['enable', 'disable']) {
        expect(await call('POST', `/api/users/switcher@acme.test/${verb}`, undefined, admin.token)).toEqual(
          error(403, `cannot ${verb} self`),
        );
        expect(await call('POST', `/api/users/owner@acme.test/${verb}`, undefined, admin.token)).toEqual(
          error(403, `cannot ${verb} a super-admin`),
        );
        expect(
          await call('POST', `/api/users/other-admin@acme.test/${verb}`, undefined, admin.token),
        ).toEqual(error(403, `admin cannot ${verb} an admin`));
      }
      expect(await call('POST', '/api/users/nobody/disable')).toEqual(error(500, 'record not found'));
    });

    test('delete answers with a sentence, once', async () => {
      await create('karl');
      expect(await call('DELETE', '/api/users/karl')).toEqual({ status: 200, body: 'karl deleted.' });
      expect(await call('DELETE', '/api/users/karl')).toEqual(error(500, 'record not found'));
      expect((await create('karl')).status).toBe(200);
    });

    test('delete spares the owner, administrators from one another, and people of a directory', async () => {
      const org = acme.organization.id;
      const admin = await member('admin', 'deleter');
      await member('admin', 'deletee');
      await seed(api.store, org, (tx) =>
        insertMember(tx, org, { username: 'idp@acme.test', managedBy: 'directory' }),
      );
      const text = 'admin cannot delete another admin user, including oneself';
      expect(await call('DELETE', '/api/users/owner@acme.test', undefined, admin.token)).toEqual(
        error(500, 'superadmin cannot be deleted'),
      );
      expect(await call('DELETE', '/api/users/owner@acme.test')).toEqual(
        error(500, 'superadmin cannot be deleted'),
      );
      for (const name of ['deletee', 'deleter'])
        expect(await call('DELETE', `/api/users/${name}@acme.test`, undefined, admin.token)).toEqual(
          error(500, text),
        );
      expect((await call('DELETE', '/api/users/idp@acme.test')).status).toBe(400);
      expect((await call('DELETE', '/api/users/deletee@acme.test')).status).toBe(200);
    });
  });

  describe('what else clients ask', () => {
    test.each(['hassuperadmin', 'hasadmin'])('%s is true for everybody', async (name) => {
      expect(await call('GET', `/api/users/adm/${name}`, undefined, null)).toEqual({
        status: 200,
        body: true,
      });
    });

    test('platform roles, and those of networks', async () => {
      const { body } = await call('GET', '/api/v1/users/roles?platform=true');
      const roles = (
        body as unknown as {
          Response: { id: string; full_access: boolean; deny_dashboard_access: boolean }[];
        }
      ).Response;
      expect(body?.Message).toBe('successfully fetched user roles permission templates');
      expect(
        roles.map(({ id, full_access, deny_dashboard_access }) => [id, full_access, deny_dashboard_access]),
      ).toEqual([
        ['super-admin', true, false],
        ['admin', true, false],
        ['platform-user', false, false],
        ['service-user', false, true],
        ['auditor', false, false],
      ]);
      const { Response: network } = (await call('GET', '/api/v1/users/roles')).body as { Response: Wire[] };
      expect(network.map(({ id, name, full_access: full }) => [id, name, full])).toEqual([
        ['global-network-admin', 'Network Admins', true],
        ['global-network-user', 'Network Users', false],
      ]);
    });

    test('groups, all of them and one', async () => {
      const { body } = await call('GET', '/api/v1/users/groups');
      const listed = (body as unknown as { Response: { id: string; name: string; default: boolean }[] })
        .Response;
      expect(listed.map(({ id, name, default: fixed }) => [id, name, fixed])).toEqual(
        expect.arrayContaining([
          [uuidOfGroup(groups.ops), 'Ops', false],
          ['n-network-user-grp', 'N users', true],
          ['everyone', 'Everyone', true],
        ]),
      );
      expect(
        (await call('GET', `/api/v1/users/group?group_id=${uuidOfGroup(groups.ops)}`)).body,
      ).toMatchObject({
        Message: 'successfully fetched user group',
        Response: { name: 'Ops', network_roles: {} },
      });
      expect(await call('GET', '/api/v1/users/group')).toEqual(error(400, 'group id is required'));
      expect(await call('GET', '/api/v1/users/group?group_id=nothing')).toEqual(
        error(500, 'record not found'),
      );
      const { token } = await member('member', 'no-groups');
      expect((await call('GET', '/api/v1/users/groups', undefined, token)).status).toBe(403);
    });
  });

  test('nothing of another organization is written', async () => {
    const other = await api.createOrganization('other');
    await create('local-user');
    const before = await head();
    for (const [method, path, body] of [
      ['PUT', '/api/users/local-user', { username: 'local-user', display_name: 'x' }],
      ['DELETE', '/api/users/local-user', undefined],
      ['POST', '/api/users/local-user/disable', undefined],
      ['POST', '/api/users/local-user/enable', undefined],
    ] as const) {
      expect(await call(method, path, body, other.token)).toEqual(error(500, 'record not found'));
    }
    expect(
      (await call('GET', `/api/v1/users/group?group_id=${uuidOfGroup(groups.ops)}`, undefined, other.token))
        .status,
    ).toBe(500);
    const made = await call(
      'POST',
      '/api/users/local-user',
      {
        username: 'local-user',
        password: 'secret',
        platform_role_id: 'auditor',
        user_group_ids: { [uuidOfGroup(groups.ops)]: {} },
      },
      other.token,
    );
    expect(made).toMatchObject({ status: 400, body: { Message: expect.stringContaining('invalid groups') } });
    expect(await head()).toBe(before);
  });

  test('no body makes it fail', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('POST', 'PUT'),
        fc.record(
          {
            username: fc.anything(),
            password: fc.anything(),
            platform_role_id: fc.anything(),
            user_group_ids: fc.anything(),
            display_name: fc.anything(),
            is_mfa_enabled: fc.anything(),
          },
          { requiredKeys: [] },
        ),
        async (method, body) => {
          const { status, text } = await api.call(method, '/api/users/fuzz-target', {
            body: JSON.stringify(body, (_key, value) => (typeof value === 'bigint' ? 1 : value)),
          });
          expect(status === 500 ? text : '').toMatch(/^$|record not found/u);
        },
      ),
      { numRuns: 60 },
    );
  });
});
