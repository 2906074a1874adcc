import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { insertNetwork, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, GATEWAY_KIND, responseOf, uuidOf, type Wire } from './calls.ts';
import { createNetmakerServer } from './support.ts';

const rights = (given: object = {}) => ({
  create: false,
  read: false,
  update: false,
  delete: false,
  vpn_access: false,
  self_only: false,
  ...given,
});
const OWN = rights({ create: true, read: true, update: true, delete: true, self_only: true });

describe.each(ENGINES)('Netmaker permission templates on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    const org = api.organization.id;
    await seed(api.store, org, async (tx) => {
      await insertNetwork(tx, org, { name: 'Prod', slug: 'prod' });
      await insertNetwork(tx, org, { name: 'Test', slug: 'test' });
    });
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const get = (id: string) => call('GET', `/api/v1/users/role?role_id=${id}`);
  const create = (body: Wire) => call('POST', '/api/v1/users/role', { network_id: 'prod', ...body });
  const made = (body: Wire) => responseOf<Wire & { id: string }>(create(body));

  test('each network has the roles of its administrators and users, as the original makes them', async () => {
    const listed = await responseOf<Wire[]>(call('GET', '/api/v1/users/roles'));
    expect(listed.map(({ id, name, network_id: net, default: fixed }) => [id, name, net, fixed])).toEqual([
      ['global-network-admin', 'Network Admins', 'all_networks', true],
      ['global-network-user', 'Network Users', 'all_networks', true],
      ['prod-network-admin', 'prod Admin', 'prod', true],
      ['prod-network-user', 'prod User', 'prod', true],
      ['test-network-admin', 'test Admin', 'test', true],
      ['test-network-user', 'test User', 'test', true],
    ]);
    expect(await responseOf(get('prod-network-user'))).toEqual({
      id: 'prod-network-user',
      name: 'prod User',
      default: true,
      meta_data: '',
      deny_dashboard_access: false,
      full_access: false,
      network_id: 'prod',
      network_level_access: {
        host: { all_host: rights({ read: true }) },
        dns: { all_dns: rights({ read: true }) },
        acl: { all_acl: rights({ read: true }) },
        egress: { all_egress: rights({ read: true }) },
        inet_gw: { all_inet_gw: rights({ read: true }) },
        relay: { all_relay: rights({ read: true }) },
        tag: { all_tag: rights({ read: true }) },
        posturecheck: { all_posturecheck: rights({ read: true }) },
        nameserver: { all_nameserver: rights({ read: true }) },
        remote_access_gw: { all_remote_access_gw: rights({ read: true, vpn_access: true }) },
        extclient: { all_extclients: OWN },
        jit_user: { all_jit_user: OWN },
      },
      global_level_access: null,
    });
    expect(await responseOf(get('prod-network-admin'))).toMatchObject({
      full_access: true,
      network_level_access: null,
    });
  });

  test('one is read by its id; platform roles too', async () => {
    expect((await get('service-user')).body).toEqual({
      Code: 200,
      Message: 'successfully fetched user role permission templates',
      Response: {
        id: 'service-user',
        name: '',
        default: true,
        meta_data: '',
        deny_dashboard_access: true,
        full_access: false,
        network_id: '',
        network_level_access: null,
        global_level_access: null,
      },
    });
    expect(await get('')).toEqual(error(400, 'role is required'));
    for (const id of ['nothing', 'none-network-user', uuidOf(7, 99), 'x'.repeat(900)]) {
      expect(await get(id)).toEqual(error(500, 'record not found'));
    }
  });

  test('a custom one is made, read, changed and deleted; whoever connects keeps own clients', async () => {
    const gateway = uuidOf(GATEWAY_KIND, 4711);
    const role = await made({
      id: '',
      name: 'Operators',
      meta_data: 'on call',
      default: true,
      global_level_access: { user: { all_user: rights({ create: true }) } },
      network_level_access: {
        host: { all_host: { read: true } },
        remote_access_gw: { [gateway]: rights({ read: true, vpn_access: true }) },
      },
    });
    expect(role).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      name: 'Operators',
      default: false,
      meta_data: 'on call',
      deny_dashboard_access: false,
      full_access: false,
      network_id: 'prod',
      network_level_access: {
        host: { all_host: rights({ read: true }) },
        remote_access_gw: { [gateway]: rights({ read: true, vpn_access: true }) },
        extclient: { all_extclients: OWN },
      },
      global_level_access: {},
    });
    expect(await get(role.id)).toEqual(answer('successfully fetched user role permission templates', role));
    // The dashboard of 0.26 names kinds in the plural, and the id in the path as well.
    const changed = await call('PUT', `/api/v1/users/role?role_id=${role.id}`, {
      ...role,
      name: 'Night shift',
      network_level_access: { extclients: { all_extclients: rights({ read: true }) } },
    });
    expect(changed).toEqual(
      answer('updated user role', {
        ...role,
        name: 'Night shift',
        network_level_access: { extclient: { all_extclients: rights({ read: true }) } },
      }),
    );
    // Values of nothing change nothing.
    await call('PUT', '/api/v1/users/role', { id: role.id, network_id: 'prod', name: '', meta_data: '' });
    expect(await responseOf(get(role.id))).toMatchObject({ name: 'Night shift', meta_data: 'on call' });
    expect(await call('DELETE', `/api/v1/users/role?role_id=${role.id}`)).toEqual(
      answer('deleted user role'),
    );
    expect(await call('DELETE', `/api/v1/users/role?role_id=${role.id}`)).toEqual(
      error(400, 'role is required'),
    );
  });

  test.each([
    [{ name: '' }, 500, 'role name cannot be empty'],
    [{ name: 'x', network_id: '' }, 400, 'only network roles are allowed to be created'],
    [{ name: 'x', network_id: 'nowhere' }, 400, 'network nowhere does not exist'],
    [{ name: 'x', network_level_access: { rooms: {} } }, 400, 'invalid rsrc type rooms'],
    // Only built-in roles are about these.
    [{ name: 'x', network_level_access: { posturecheck: {} } }, 400, 'invalid rsrc type posturecheck'],
    [{ id: 'admin', name: 'x' }, 400, 'role with id `admin` exists already'],
    [{ id: 'prod-network-user', name: 'x' }, 400, 'role with id `prod-network-user` exists already'],
    [{ name: 'prod-network-user' }, 500, 'role already exists'],
    [{ name: 7 }, 400, expect.stringMatching(/^name: /u)],
    [{ name: 'x', network_level_access: { host: [] } }, 400, expect.stringMatching(/^network_level_access/u)],
  ])('is not made of %j', async (body, status, message) => {
    const before = await responseOf<unknown[]>(call('GET', '/api/v1/users/roles'));
    expect(await create(body)).toEqual(error(status, message));
    expect(await responseOf(call('GET', '/api/v1/users/roles'))).toHaveLength(before.length);
  });

  test('a name is had once; a role keeps its network; built-in roles stay as they are', async () => {
    const role = await made({ name: 'Once' });
    expect(await create({ name: 'Once' })).toEqual(error(500, 'role already exists'));
    const put = (body: Wire) => call('PUT', '/api/v1/users/role', body);
    expect(await put({ ...role, network_id: 'test' })).toEqual(error(400, 'network id mismatch'));
    expect(await put({ ...role, network_id: '' })).toEqual(error(400, 'network id mismatch'));
    expect(await put({ id: 'nothing' })).toEqual(error(400, 'record not found'));
    expect(await put({ id: 'prod-network-user', network_id: 'prod', full_access: true })).toEqual(
      error(400, 'cannot update default role'),
    );
    expect(await put({ id: 'service-user', full_access: true })).toEqual(
      error(400, 'cannot update default role'),
    );
    // One source for what is meant.
    expect(await call('PUT', `/api/v1/users/role?role_id=${role.id}`, { id: 'other' })).toEqual(
      error(400, 'role_id and id do not match'),
    );
    const remove = (id: string) => call('DELETE', `/api/v1/users/role?role_id=${id}`);
    expect(await remove('')).toEqual(error(400, 'role is required'));
    expect(await remove('admin')).toEqual(error(500, 'cannot delete platform role'));
    expect(await remove('global-network-user')).toEqual(error(500, 'cannot delete default network role'));
    expect(await remove('prod-network-admin')).toEqual(error(500, 'cannot delete default role'));
  });

  test('nobody makes a role with power over networks that they lack', async () => {
    const { token } = await api.createMember(api, 'it-admin', 'it');
    const asIt = (body: Wire) => call('POST', '/api/v1/users/role', { network_id: 'prod', ...body }, token);
    expect((await asIt({ name: 'full', full_access: true })).status).toBe(403);
    expect(
      (await asIt({ name: 'edits', network_level_access: { host: { all_host: { update: true } } } })).status,
    ).toBe(403);
    expect(
      (await asIt({ name: 'reads', network_level_access: { host: { all_host: { read: true } } } })).status,
    ).toBe(200);
  });

  test('another organization sees, changes and deletes nothing', async () => {
    const role = await made({ name: 'Ours' });
    const other = await api.createOrganization('other');
    const as = (method: string, path: string, body?: unknown) => call(method, path, body, other.token);
    expect(await as('GET', `/api/v1/users/role?role_id=${role.id}`)).toEqual(error(500, 'record not found'));
    expect(await as('GET', '/api/v1/users/role?role_id=prod-network-user')).toEqual(
      error(500, 'record not found'),
    );
    expect(await as('PUT', '/api/v1/users/role', { ...role, name: 'Theirs' })).toEqual(
      error(400, 'record not found'),
    );
    expect(await as('DELETE', `/api/v1/users/role?role_id=${role.id}`)).toEqual(
      error(400, 'role is required'),
    );
    expect(await responseOf(get(role.id))).toMatchObject({ name: 'Ours' });
  });
});
