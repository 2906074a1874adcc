import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertGroup, insertNetwork, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, GROUP_KIND, responseOf, uuidOf, type Wire } from './calls.ts';
import { makeGateway } from './gateway-world.ts';
import { createNetmakerServer } from './support.ts';

describe.each(ENGINES)('Netmaker user groups on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    const org = api.organization.id;
    await seed(api.store, org, (tx) => insertNetwork(tx, org, { name: 'Prod DC', slug: 'prod-dc' }));
    for (const name of ['anna', 'bert']) await api.createMember(api, 'device-user', name);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const groups = () => responseOf<Wire[]>(call('GET', '/api/v1/users/groups'));
  const get = (id: string) => call('GET', `/api/v1/users/group?group_id=${id}`);
  const create = (user_group: Wire, members: string[] = []) =>
    call('POST', '/api/v1/users/group', { user_group, members });
  const made = (user_group: Wire, members?: string[]) =>
    responseOf<Wire & { id: string }>(create(user_group, members));
  const groupsOf = async (name: string) =>
    Object.keys(
      ((await call('GET', `/api/users/${name}@acme.test`)).body as { user_group_ids: object }).user_group_ids,
    );

  test('each network has its two groups, and there are two of all networks', async () => {
    const listed = (await groups()).filter(({ id }) => String(id).endsWith('-grp'));
    expect(
      listed.map(({ id, name, default: fixed, network_roles }) => [id, name, fixed, network_roles]),
    ).toEqual([
      [
        'global-network-admin-grp',
        'All Networks Admin Group',
        true,
        { all_networks: { 'global-network-admin': {} } },
      ],
      [
        'global-network-user-grp',
        'All Networks User Group',
        true,
        { all_networks: { 'global-network-user': {} } },
      ],
      [
        'prod-dc-network-admin-grp',
        'prod-dc Admin Group',
        true,
        { 'prod-dc': { 'prod-dc-network-admin': {} } },
      ],
      ['prod-dc-network-user-grp', 'prod-dc User Group', true, { 'prod-dc': { 'prod-dc-network-user': {} } }],
    ]);
    expect((await get('prod-dc-network-user-grp')).body).toMatchObject({ Response: listed[3] });
  });

  test('a group is made with members and network roles; names that nobody has are passed over', async () => {
    const called = await create(
      {
        id: uuidOf(GROUP_KIND, 1),
        name: 'Ops',
        default: true,
        color_code: '#ff0000',
        meta_data: 'on call',
        network_roles: { 'prod-dc': { 'prod-dc-network-user': { vpn: true } } },
      },
      ['anna@acme.test', 'nobody', 'BERT@acme.test'],
    );
    const { Response: group } = called.body as { Response: Wire & { id: string } };
    expect(called).toEqual(
      answer('created user group', {
        id: expect.stringMatching(/^686f6c64-0003-/u),
        name: 'Ops',
        default: false,
        external_identity_provider_id: '',
        network_roles: { 'prod-dc': { 'prod-dc-network-user': {} } },
        color_code: '#ff0000',
        meta_data: 'on call',
        created_by: 'owner@acme.test',
        created_at: expect.stringMatching(/^\d{4}-/u),
        updated_at: expect.stringMatching(/^\d{4}-/u),
      }),
    );
    expect(group.id).not.toBe(uuidOf(GROUP_KIND, 1));
    expect(await groupsOf('anna')).toEqual([group.id]);
    expect(await groupsOf('bert')).toEqual([group.id]);
    expect(await responseOf(get(group.id))).toEqual(group);

    // The dashboard sends the group whole, and its id in the path as well.
    const changed = await call('PUT', `/api/v1/users/group?group_id=${group.id}`, {
      ...group,
      name: 'Operators',
      network_roles: { all_networks: { 'global-network-user': {} } },
      created_by: 'somebody',
    });
    expect(changed.body).toMatchObject({
      Message: 'updated user group',
      Response: {
        id: group.id,
        name: 'Operators',
        created_by: 'owner@acme.test',
        network_roles: { all_networks: { 'global-network-user': {} } },
      },
    });
    // Empty fields keep what there is; without roles they stay.
    await call('PUT', '/api/v1/users/group', { id: group.id, name: '', meta_data: '', color_code: '' });
    expect(await responseOf(get(group.id))).toMatchObject({
      name: 'Operators',
      color_code: '#ff0000',
      meta_data: 'on call',
      network_roles: { all_networks: { 'global-network-user': {} } },
    });
    expect(await groupsOf('anna')).toEqual([group.id]);

    expect(await call('DELETE', `/api/v1/users/group?group_id=${group.id}`)).toEqual(
      answer('deleted user group'),
    );
    expect(await groupsOf('anna')).toEqual([]);
    expect(await call('DELETE', `/api/v1/users/group?group_id=${group.id}`)).toEqual(
      error(400, 'failed to fetch group details'),
    );
  });

  test.each([
    [{}, 500, 'group name cannot be empty'],
    [{ name: 'x', network_roles: { 'prod-dc': { nothing: {} } } }, 400, 'invalid network role nothing'],
    [
      { name: 'x', network_roles: { nowhere: { 'global-network-user': {} } } },
      400,
      'invalid network role global-network-user',
    ],
    [
      { name: 'x', network_roles: { 'prod-dc': { 'none-network-user': {} } } },
      400,
      'invalid network role none-network-user',
    ],
    // A role of one network says nothing about all of them.
    [
      { name: 'x', network_roles: { all_networks: { 'prod-dc-network-user': {} } } },
      400,
      'invalid network role prod-dc-network-user',
    ],
    [
      { name: 'x', network_roles: { 'prod-dc': { admin: {} } } },
      400,
      'platform role cannot be used as network role',
    ],
    [{ name: ['x'] }, 400, expect.stringMatching(/^user_group\.name: /u)],
    [{ name: 'x', network_roles: [] }, 400, expect.stringMatching(/^user_group\.network_roles/u)],
    [{ name: 'a\u0000b' }, 400, expect.stringContaining('control characters')],
  ])('is not made of %j', async (group, status, message) => {
    const before = (await groups()).length;
    expect(await create(group)).toEqual(error(status, message));
    expect(await groups()).toHaveLength(before);
  });

  test('a name is had once here, and told apart where another dialect gave it twice', async () => {
    const first = await made({ name: 'Twice' });
    expect(await create({ name: 'Twice' })).toEqual(error(500, 'group already exists'));
    const org = api.organization.id;
    const second = await seed(api.store, org, (tx) =>
      insertGroup(tx, org, { name: 'Twice', key: 'twice-2' }),
    );
    const shown = await responseOf<Wire>(get(uuidOf(GROUP_KIND, second.id)));
    expect(shown.name).toBe('Twice (twice-2)');
    // Writing back what was read changes no name.
    await call('PUT', '/api/v1/users/group', shown);
    expect((await api.store.get('group', org, second.id))?.name).toBe('Twice');
    expect(await responseOf(get(first.id))).toMatchObject({ name: 'Twice (twice)' });
  });

  test('built-in groups are neither changed nor deleted', async () => {
    for (const id of ['everyone', 'prod-dc-network-user-grp', 'global-network-admin-grp']) {
      expect(await call('PUT', '/api/v1/users/group', { id, name: 'x' })).toEqual(
        error(400, 'cannot update default user group'),
      );
      expect(await call('DELETE', `/api/v1/users/group?group_id=${id}`)).toEqual(
        error(400, 'cannot delete default user group'),
      );
    }
    expect(await call('PUT', '/api/v1/users/group', { id: 'nothing' })).toEqual(
      error(400, 'record not found'),
    );
    expect(await call('GET', '/api/v1/users/group')).toEqual(error(400, 'group id is required'));
    expect(await get('none-network-user-grp')).toEqual(error(500, 'record not found'));
    const group = await made({ name: 'Both' });
    expect(
      await call('PUT', '/api/v1/users/group', {
        id: group.id,
        network_roles: {
          all_networks: { 'global-network-user': {} },
          'prod-dc': { 'prod-dc-network-user': {} },
        },
      }),
    ).toEqual(error(400, 'cannot have networks roles for all networks and a specific network'));
  });

  test('a user is put into a network’s group by its literal name, which becomes one then', async () => {
    const put = (ids: Wire) =>
      call('PUT', '/api/users/anna@acme.test', { username: 'anna@acme.test', user_group_ids: ids });
    const changed = await put({
      'prod-dc-network-user-grp': { name: 'sent along' },
      'no-network-user-grp': {},
    });
    expect(changed.body).toMatchObject({ user_group_ids: { 'prod-dc-network-user-grp': {} } });
    const org = api.organization.id;
    const rows = await api.store.find('group', org, { systemKey: 'prod-dc-network-user-grp' });
    const [held] = await api.store.find('groupNetworkRole', org, { group: rows[0]?.id ?? 0 });
    const role = await api.store.get('networkRole', org, held?.networkRole ?? 0);
    expect(role).toMatchObject({ key: 'prod-dc-network-user', builtIn: true });
    // It is listed once, as before.
    expect((await groups()).filter(({ id }) => id === 'prod-dc-network-user-grp')).toHaveLength(1);
    expect(
      (await responseOf<Wire[]>(call('GET', '/api/v1/users/groups/network?network=prod-dc'))).map(
        ({ id }) => id,
      ),
    ).toEqual(expect.arrayContaining(['prod-dc-network-user-grp', 'global-network-user-grp']));
    expect(await call('GET', '/api/v1/users/groups/network?network=nowhere')).toEqual(
      error(400, 'network nowhere not found'),
    );
    await put({});
    expect(await groupsOf('anna')).toEqual([]);
  });

  test('nobody hands out power over networks that they lack, by a group’s roles or by a place in it', async () => {
    const { token } = await api.createMember(api, 'it-admin', 'it');
    const group = { name: 'Admins of prod', network_roles: { 'prod-dc': { 'prod-dc-network-admin': {} } } };
    expect((await call('POST', '/api/v1/users/group', { user_group: group }, token)).status).toBe(403);
    await made(group);
    const body = { username: 'bert@acme.test', user_group_ids: { 'prod-dc-network-admin-grp': {} } };
    expect((await call('PUT', '/api/users/bert@acme.test', body, token)).status).toBe(403);
    expect(await groupsOf('bert')).toEqual([]);
    expect((await call('PUT', '/api/users/bert@acme.test', body)).status).toBe(200);
  });

  describe('external clients of members', () => {
    const clients = async () =>
      ((await call('GET', '/api/extclients')).body as Wire[]).map((one) => one.ownerid);
    let node: string;
    let group: Wire & { id: string };
    let role: Wire & { id: string };
    let token: string;
    beforeAll(async () => {
      ({ node } = await makeGateway(api, call, api, 'office'));
      role = await responseOf(
        call('POST', '/api/v1/users/role', {
          name: 'Office VPN',
          network_id: 'office',
          network_level_access: { remote_access_gw: { all_remote_access_gw: { vpn_access: true } } },
        }),
      );
      group = await made({ name: 'Office', network_roles: { office: { [role.id]: {} } } });
      const [anna] = await api.store.find('membership', api.organization.id, {
        usernameKey: 'anna@acme.test',
      });
      token = await api.createToken(api, anna ?? api.owner, ['all']);
    });
    const connect = async () => {
      const member = { username: 'anna@acme.test', user_group_ids: { [group.id]: {} } };
      await call('PUT', '/api/users/anna@acme.test', member);
      expect((await call('POST', `/api/extclients/office/${node}`, {}, token)).status).toBe(200);
      expect(await clients()).toContain('anna@acme.test');
    };
    const ends: readonly (readonly [string, () => Promise<unknown>])[] = [
      [
        'are put out',
        () => call('PUT', '/api/users/anna@acme.test', { username: 'anna@acme.test', user_group_ids: {} }),
      ],
      [
        'have a group that loses its role',
        () => call('PUT', '/api/v1/users/group', { id: group.id, network_roles: {} }),
      ],
      [
        'hold a role that opens nothing any more',
        () =>
          call('PUT', '/api/v1/users/role', {
            id: role.id,
            network_id: 'office',
            network_level_access: { host: { all_host: { read: true } } },
          }),
      ],
    ];
    test.each(ends)('go when their owners %s', async (_what, end) => {
      await call('PUT', '/api/v1/users/role', {
        id: role.id,
        network_id: 'office',
        network_level_access: { remote_access_gw: { all_remote_access_gw: { vpn_access: true } } },
      });
      await call('PUT', '/api/v1/users/group', {
        id: group.id,
        network_roles: { office: { [role.id]: {} } },
      });
      await connect();
      await call('PUT', '/api/v1/users/group', { id: group.id, meta_data: 'nothing of access' });
      expect(await clients()).toContain('anna@acme.test');
      await end();
      expect(await clients()).not.toContain('anna@acme.test');
    });

    test('go with the group', async () => {
      await call('PUT', '/api/v1/users/role', {
        id: role.id,
        network_id: 'office',
        network_level_access: { remote_access_gw: { all_remote_access_gw: { vpn_access: true } } },
      });
      await connect();
      await call('DELETE', `/api/v1/users/group?group_id=${group.id}`);
      expect(await clients()).not.toContain('anna@acme.test');
    });
  });

  test('another organization reads, changes and fills nothing', async () => {
    const other = await api.createOrganization('other');
    const group = await made({ name: 'Ours only' });
    const as = (method: string, path: string, body?: unknown) => call(method, path, body, other.token);
    expect(await as('GET', `/api/v1/users/group?group_id=${group.id}`)).toEqual(
      error(500, 'record not found'),
    );
    expect(await as('GET', '/api/v1/users/group?group_id=prod-dc-network-user-grp')).toEqual(
      error(500, 'record not found'),
    );
    expect(await as('PUT', '/api/v1/users/group', { ...group, name: 'Theirs' })).toEqual(
      error(400, 'record not found'),
    );
    expect(await as('DELETE', `/api/v1/users/group?group_id=${group.id}`)).toEqual(
      error(400, 'failed to fetch group details'),
    );
    const theirs = await as('POST', '/api/v1/users/group', {
      user_group: { name: 'Theirs' },
      members: ['anna@acme.test'],
    });
    expect(theirs.status).toBe(200);
    expect(await groupsOf('anna')).toEqual([]);
    expect(await responseOf(get(group.id))).toMatchObject({ name: 'Ours only' });
  });
});
