import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newCredential } from '../../../src/domain/credentials/new-credential.ts';
import { ROLES, type Role } from '../../../src/domain/model/people.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addToGroup, insertGroup, insertMember, insertNetwork, seed } from '../../support/seeds.ts';
import { createNetmakerServer } from './support.ts';

// The role that Netmaker shows for each of ours.
const SHOWN: Readonly<Record<Role, string>> = {
  owner: 'super-admin',
  admin: 'admin',
  'network-admin': 'platform-user',
  'it-admin': 'admin',
  support: 'auditor',
  'access-reviewer': 'platform-user',
  'billing-admin': 'auditor',
  auditor: 'auditor',
  member: 'platform-user',
  'device-user': 'service-user',
};
const FIELDS = [
  'username',
  'external_identity_provider_id',
  'is_mfa_enabled',
  'display_name',
  'account_disabled',
  'isadmin',
  'issuperadmin',
  'auth_type',
  'remote_gw_ids',
  'user_group_ids',
  'platform_role_id',
  'network_roles',
  'last_login_time',
  'num_access_tokens',
  'created_by',
  'created_at',
  'updated_at',
];
const uuid = (kind: number, id: number): string => {
  const hex = id.toString(16).padStart(14, '0');
  return `686f6c64-00${kind.toString(16).padStart(2, '0')}-8000-80${hex.slice(0, 2)}-${hex.slice(2)}`;
};
const GROUP = 3;

type User = Record<string, unknown> & { username: string };

describe.each(ENGINES)('Netmaker users on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  let other: TestOrganization;
  let group: number;
  let tokens: ReadonlyMap<Role, string>;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    acme = api;
    other = await api.createOrganization('other');
    tokens = await api.createRoles();
    const org = acme.organization.id;
    group = await seed(api.store, org, async (tx) => {
      const anna = await insertMember(tx, org, {
        username: 'Anna.B',
        email: null,
        displayName: 'Anna',
        role: 'device-user',
      });
      const named = await insertMember(tx, org, {
        username: 'bert@acme.test',
        givenName: 'Bert',
        familyName: 'Berg',
        suspendedAt: tx.now,
        externalId: 'ext-1',
      });
      await insertMember(tx, org, { username: 'invited@acme.test', joinedAt: null, approvedAt: null });
      await insertMember(tx, org, { username: 'waiting@acme.test', approvedAt: null });
      const ops = await insertGroup(tx, org, { name: 'Ops' });
      const system = await insertGroup(tx, org, {
        name: 'Prod User Group',
        kind: 'system',
        systemKey: 'prod-network-user-grp',
      });
      await addToGroup(tx, org, ops.id, [anna.id, named.id]);
      await addToGroup(tx, org, system.id, [anna.id]);
      const network = await insertNetwork(tx, org, { name: 'Prod', slug: 'prod' });
      const role = await tx.insert('networkRole', {
        org,
        id: tx.newId(),
        network: network.id,
        key: 'prod-network-user',
        name: 'Prod User',
        fullAccess: false,
        access: {},
        builtIn: true,
      });
      const wide = await tx.insert('networkRole', {
        org,
        id: tx.newId(),
        network: null,
        key: 'global-network-user',
        name: 'Network Users',
        fullAccess: false,
        access: {},
        builtIn: true,
      });
      await tx.insert('groupNetworkRole', {
        org,
        group: system.id,
        network: network.id,
        networkRole: role.id,
      });
      await tx.insert('groupNetworkRole', { org, group: ops.id, network: 0, networkRole: wide.id });
      await tx.insert('identity', {
        org,
        id: tx.newId(),
        account: named.account,
        kind: 'sso',
        issuer: 'https://idp.test',
        subject: 's',
        email: null,
        emailVerified: true,
        secretHash: null,
        sealed: null,
        data: {},
        createdAt: tx.now,
        lastUsed: Date.UTC(2026, 0, 2),
      });
      for (const [kind, revokedAt] of [
        ['pat', null],
        ['pat', null],
        ['pat', tx.now],
        ['api', null],
      ] as const) {
        const id = tx.newId();
        await tx.insert(
          'credential',
          newCredential({
            org,
            id,
            kind,
            ownerKind: 'membership',
            owner: anna.id,
            name: 't',
            publicId: `public${id}`,
            secretHash: 'x',
            createdAt: tx.now,
            revokedAt,
            byKind: 'system',
            byId: '',
            byName: '',
          }),
        );
      }
      return ops.id;
    });
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const list = async (token = api.token): Promise<User[]> => {
    const answer = await api.call('GET', '/api/users', { token });
    expect(answer.status).toBe(200);
    return answer.json<User[]>();
  };
  const find = async (username: string): Promise<User> => {
    const user = (await list()).find((one) => one.username === username);
    if (user === undefined) throw new Error(`no user ${username}`);
    return user;
  };

  test('the list is a bare array, sorted by user name, of those who joined', async () => {
    const users = await list();
    const names = users.map(({ username }) => username);
    expect(names).toEqual(
      [...ROLES.map((role) => `${role}@acme.test`), 'Anna.B', 'bert@acme.test'].sort((a, b) =>
        a.toLowerCase() < b.toLowerCase() ? -1 : 1,
      ),
    );
    for (const user of users) expect(Object.keys(user)).toEqual(FIELDS);
  });

  test('a user has every field of the contract', async () => {
    expect(await find('Anna.B')).toEqual({
      username: 'Anna.B',
      external_identity_provider_id: '',
      is_mfa_enabled: false,
      display_name: 'Anna',
      account_disabled: false,
      isadmin: false,
      issuperadmin: false,
      auth_type: 'basic_auth',
      remote_gw_ids: null,
      user_group_ids: { [uuid(GROUP, group)]: {}, 'prod-network-user-grp': {} },
      platform_role_id: 'service-user',
      network_roles: null,
      last_login_time: '0001-01-01T00:00:00Z',
      num_access_tokens: 2,
      created_by: 'test',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u),
      updated_at: expect.any(String),
    });
    expect(await find('bert@acme.test')).toMatchObject({
      account_disabled: true,
      display_name: 'Bert Berg',
      auth_type: 'oauth',
      external_identity_provider_id: 'ext-1',
      last_login_time: '2026-01-02T00:00:00.000Z',
    });
  });

  test.each(ROLES)(
    'role %s reads as its name, administrators are in the group of all networks',
    async (role) => {
      const user = await find(`${role}@acme.test`);
      const isAdmin = ['super-admin', 'admin'].includes(SHOWN[role]);
      expect(user).toMatchObject({
        platform_role_id: SHOWN[role],
        isadmin: isAdmin,
        issuperadmin: role === 'owner',
        display_name: '',
      });
      expect(user.user_group_ids).toEqual(isAdmin ? { 'global-network-admin-grp': {} } : {});
    },
  );

  test.each(ROLES)('role %s may list or is denied', async (role) => {
    const answer = await api.call('GET', '/api/users', { token: tokens.get(role) ?? null });
    if (['member', 'device-user'].includes(role)) {
      expect([answer.status, answer.json()]).toEqual([
        403,
        { Code: 403, Message: 'access denied to user', Response: null },
      ]);
    } else expect(answer.status).toBe(200);
  });

  test.each(ROLES)('role %s reads itself, and others only as its role allows', async (role) => {
    const token = tokens.get(role) ?? null;
    const own = await api.call('GET', `/api/users/${encodeURIComponent(`${role}@acme.test`)}`, { token });
    expect(own.json()).toMatchObject({ username: `${role}@acme.test`, num_access_tokens: 0 });
    const denied = ['member', 'device-user'].includes(role);
    for (const [name, status] of [
      ['Anna.B', 200],
      ['nobody', 500],
    ] as const) {
      for (const path of [`/api/users/${name}`, `/api/v1/users?username=${name}`]) {
        const answer = await api.call('GET', path, { token });
        expect(answer.status).toBe(denied ? 403 : status);
        if (answer.status === 403)
          expect(answer.json()).toEqual({ Code: 403, Message: 'forbidden', Response: null });
        if (answer.status === 500)
          expect(answer.json()).toEqual({ Code: 500, Message: 'record not found', Response: null });
      }
    }
  });

  test('with the role come the groups as objects and the permission template', async () => {
    const answer = await api.call('GET', '/api/v1/users?username=anna.b');
    const { Code, Message, Response } = answer.json<{
      Code: number;
      Message: string;
      Response: Record<string, unknown>;
    }>();
    expect([Code, Message]).toEqual([200, 'fetched user with role info']);
    expect(Response.platform_role).toEqual({
      id: 'service-user',
      name: '',
      default: true,
      meta_data: '',
      deny_dashboard_access: true,
      full_access: false,
      network_id: '',
      network_level_access: null,
      global_level_access: null,
    });
    expect(Response.user_group_ids).toEqual({
      [uuid(GROUP, group)]: {
        id: uuid(GROUP, group),
        name: 'Ops',
        default: false,
        external_identity_provider_id: '',
        network_roles: { all_networks: { 'global-network-user': {} } },
        color_code: '',
        meta_data: '',
        created_by: 'test',
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
      'prod-network-user-grp': expect.objectContaining({
        default: true,
        network_roles: { prod: { 'prod-network-user': {} } },
      }),
    });
    const owner = await api.call('GET', '/api/v1/users?username=owner@acme.test');
    expect(owner.json()).toMatchObject({
      Response: {
        platform_role: { full_access: true },
        user_group_ids: { 'global-network-admin-grp': { id: 'global-network-admin-grp', default: true } },
      },
    });
    const auditor = await api.call('GET', '/api/v1/users?username=auditor@acme.test');
    expect(auditor.json()).toMatchObject({
      Response: {
        platform_role: { network_level_access: { network: { all_network: { read: true, create: false } } } },
      },
    });
  });

  test('a user in groups reads them of himself, without the right to read groups', async () => {
    const { id: org } = acme.organization;
    const member = (await api.store.find('membership', org, { usernameKey: 'anna.b' }))[0];
    const token = await api.createToken(acme, member!, ['all']);
    const answer = await api.call('GET', '/api/v1/users?username=Anna.B', { token });
    expect(
      Object.keys(answer.json<{ Response: { user_group_ids: object } }>().Response.user_group_ids),
    ).toHaveLength(2);
  });

  test('without a user name the answer is 400', async () => {
    const answer = await api.call('GET', '/api/v1/users');
    expect([answer.status, answer.json()]).toEqual([
      400,
      { Code: 400, Message: 'username is required', Response: null },
    ]);
  });

  test('those who have not joined are no users', async () => {
    for (const name of ['invited@acme.test', 'waiting@acme.test']) {
      expect((await api.call('GET', `/api/users/${name}`)).status).toBe(500);
    }
  });

  test.each([
    ['no header', {}],
    ['one word', { authorization: 'tskey' }],
    ['nonsense', { authorization: 'Bearer nonsense' }],
  ])('with %s the answer is 401 unauthorized', async (_name, headers) => {
    const answer = await api.call('GET', '/api/users', { token: null, headers });
    expect([answer.status, answer.json()]).toEqual([
      401,
      { Code: 401, Message: 'unauthorized', Response: null },
    ]);
  });

  test('the first word of the header does not matter', async () => {
    const answer = await api.call('GET', '/api/users', {
      token: null,
      headers: { authorization: `whatever ${api.token}` },
    });
    expect(answer.status).toBe(200);
  });

  test('a tenant header that contradicts the token is refused, one that agrees is not', async () => {
    const status = async (tenant: string) =>
      (await api.call('GET', '/api/users', { headers: { 'x-tenant-id': tenant } })).status;
    expect(await status('acme')).toBe(200);
    expect(await status(uuid(1, acme.organization.id))).toBe(200);
    expect(await status('other')).toBe(401);
    expect(await status('unknown')).toBe(401);
  });

  test('nothing of another organization shows or is found', async () => {
    const text = JSON.stringify(await list(other.token));
    expect(text).not.toContain('acme.test');
    expect((await api.call('GET', '/api/users/Anna.B', { token: other.token })).status).toBe(500);
    expect((await api.call('GET', '/api/v1/users?username=Anna.B', { token: other.token })).status).toBe(500);
  });

  test('unknown paths and methods answer as its router does', async () => {
    const unknown = await api.call('GET', '/api/users/a/b/c');
    expect([unknown.status, unknown.text]).toEqual([404, '404 page not found\n']);
    const method = await api.call('PATCH', '/api/v1/users');
    expect([method.status, method.text]).toEqual([405, '']);
  });

  test('no user name makes it fail', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 20 })),
        async (name) => {
          const encoded = encodeURIComponent(name.toWellFormed());
          for (const path of [`/api/users/${encoded}`, `/api/v1/users?username=${encoded}`]) {
            const { status, text } = await api.call('GET', path);
            expect(status === 500 ? text : 'fine').toMatch(/fine|record not found/u);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a long list of users', () => {
  test('is streamed whole and in order', async () => {
    const api = await createNetmakerServer('sqlite');
    const org = api.organization.id;
    await seed(
      api.store,
      org,
      async (tx) => {
        for (let index = 0; index < 1_234; index += 1)
          await insertMember(tx, org, { username: `user${index}@acme.test` });
      },
      3_000,
    );
    const url = await api.listen();
    const response = await fetch(`${url}/api/users`, { headers: { authorization: `Bearer ${api.token}` } });
    expect(response.headers.get('transfer-encoding')).toBe('chunked');
    expect(response.headers.get('content-type')).toContain('application/json');
    const users = (await response.json()) as User[];
    const names = users.map(({ username }) => username);
    expect(names).toHaveLength(1_235);
    expect(new Set(names).size).toBe(1_235);
    expect(names).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)));
    await api.close();
  });
});
