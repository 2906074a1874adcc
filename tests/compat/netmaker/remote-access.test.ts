import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { altered } from '../../support/altered.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addToGroup, insertEdge, insertGroup, insertResource, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { type MadeGateway, makeGateway, seedAgent } from './gateway-world.ts';
import { createNetmakerServer } from './support.ts';

describe.each(ENGINES)('Netmaker remote access on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let gate: MadeGateway;
  let beta: TestOrganization;
  const tokens: Record<string, string> = {};
  const ids: Record<string, number> = {};
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    beta = await api.createOrganization('beta');
    gate = await makeGateway(api, call, api, 'office');
    await seedAgent(api, api.organization.id, gate.gateway);
    for (const [name, role] of [
      ['anna', 'device-user'],
      ['bert', 'member'],
      ['carl', 'device-user'],
      ['adam', 'admin'],
    ] as const) {
      const made = await api.createMember(api, role, name);
      tokens[name] = made.token;
      ids[name] = made.member.id;
    }
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const of = (name: string, query = '?remote_access_clientid=app-1') =>
    call('GET', `/api/users/${name}@acme.test/remote_access_gw${query}`, undefined, tokens[name]);
  const attach = (name: string, node = gate.node, token = api.token) =>
    call('POST', `/api/users/${name}@acme.test/remote_access_gw/${node}`, undefined, token);
  const detach = (name: string, node = gate.node, token = api.token) =>
    call('DELETE', `/api/users/${name}@acme.test/remote_access_gw/${node}`, undefined, token);
  const users = async (node = gate.node) => {
    const { body } = await call('GET', `/api/users/ingress/${node}`);
    return ((body as { users: Wire[] | null }).users ?? []).map(({ username }) => username);
  };

  test('nobody sees a gateway who reaches nothing behind it; administrators see all', async () => {
    expect(await of('anna')).toEqual({ status: 200, body: {} });
    expect((await of('adam')).body).toMatchObject({ office: [{ remote_access_gw_id: gate.node }] });
    expect(await users()).toEqual([]);
  });

  test('attaching somebody opens the network, and can be repeated', async () => {
    for (let round = 0; round < 2; round += 1) {
      expect((await attach('anna')).body).toMatchObject({ username: 'anna@acme.test' });
    }
    expect(await users()).toEqual(['anna@acme.test']);
    const [group] = await api.store.find('group', api.organization.id, {
      systemKey: `gw-${gate.gateway}-users`,
    });
    const held = await api.store.find('groupNetworkRole', api.organization.id, { group: group?.id ?? 0 });
    expect(held).toHaveLength(1);
    const { body } = await of('anna');
    expect(body).toEqual({
      office: [
        expect.objectContaining({
          remote_access_gw_id: gate.node,
          gw_name: 'gw-office',
          network: 'office',
          connected: false,
          is_internet_gateway: false,
          gw_listen_port: 51820,
          allowed_endpoints: ['203.0.113.7'],
          network_addresses: ['198.18.0.0/22', expect.any(String)],
          status: 'offline',
          gw_client: expect.objectContaining({ clientid: '', privatekey: '' }),
        }),
      ],
    });
  });

  test('the program on a device finds its client again', async () => {
    const made = (await call(
      'POST',
      `/api/extclients/office/${gate.node}`,
      { remote_access_client_id: 'app-1', device_id: 'laptop' },
      tokens.anna,
    )) as { body: Wire };
    const client = { clientid: made.body.clientid, privatekey: made.body.privatekey };
    const shown = async (query: string) => ((await of('anna', query)).body as { office: [Wire] }).office[0];
    expect(await shown('?remote_access_clientid=app-1')).toMatchObject({
      connected: true,
      gw_client: client,
    });
    expect(await shown('?device_id=laptop')).toMatchObject({ connected: true, gw_client: client });
    expect(await shown('?remote_access_clientid=other')).toMatchObject({
      connected: true,
      gw_client: client,
    });
    expect(await shown('?device_id=phone')).toMatchObject({ connected: false });
    const mobile = await of('anna', '?from_mobile=true&device_id=laptop');
    expect(mobile.body).toMatchObject({
      Message: 'fetched gateways for useranna@acme.test',
      Response: [{ gw_client: client }],
    });
    expect((await responseOf(call('GET', '/api/v1/users/network_ip'))).mappings).toEqual({
      [String(made.body.address)]: { user: 'anna@acme.test', groups: [expect.any(String)] },
    });
  });

  test('asks for the program, and shows nobody another’s', async () => {
    expect(await of('anna', '')).toEqual(error(400, 'remote access client id cannot be empty'));
    for (const token of [tokens.bert, api.token]) {
      const { status } = await call(
        'GET',
        '/api/users/anna@acme.test/remote_access_gw?remote_access_clientid=app-1',
        undefined,
        token,
      );
      expect(status).toBe(403);
    }
    expect((await call('GET', '/api/v1/users/network_ip', undefined, tokens.bert)).status).toBe(403);
  });

  test('an edge that another dialect made shows the gateway and its user', async () => {
    const org = api.organization.id;
    const edge = await seed(api.store, org, async (tx) => {
      const group = await insertGroup(tx, org, { name: 'Ops' });
      await addToGroup(tx, org, group.id, [ids.bert ?? 0]);
      const [network] = await tx.find('network', org, { slug: 'office' });
      const resource = await insertResource(tx, org, {
        network: network?.id ?? 0,
        name: 'db',
        addressText: '10.5.0.5',
        addressKind: 'ip',
      });
      return insertEdge(tx, org, { resource: resource.id, principalKind: 'group', principal: group.id });
    });
    expect((await of('bert')).body).toMatchObject({ office: [{ remote_access_gw_id: gate.node }] });
    expect(await users()).toEqual(['anna@acme.test', 'bert@acme.test']);
    const client = (await call('POST', `/api/extclients/office/${gate.node}`, {}, tokens.bert)).body as Wire;
    expect(client.allowed_ips).toEqual(expect.arrayContaining(['10.5.0.5/32']));
    expect(client.allowed_ips).not.toEqual(expect.arrayContaining(['10.20.0.0/16']));
    await seed(api.store, org, (tx) => tx.remove('accessEdge', org, edge.id));
    expect(await users()).toEqual(['anna@acme.test']);
    expect((await of('bert')).body).toEqual({});
  });

  test('access points and their configuration, made when they are asked for', async () => {
    expect(
      await responseOf<Wire[]>(call('GET', '/api/v1/rac/networks', undefined, tokens.anna)),
    ).toMatchObject([{ netid: 'office' }]);
    const points = '/api/v1/rac/network/office/access_points';
    expect(await responseOf(call('GET', points, undefined, tokens.anna))).toMatchObject([
      { remote_access_gw_id: gate.node, gw_name: 'gw-office', connected: true },
    ]);
    expect(await call('GET', points, undefined, tokens.bert)).toEqual(error(403, 'access denied'));
    const config = (token: string | undefined, node = gate.node) =>
      call('GET', `/api/v1/rac/access_point/${node}/config?remote_access_clientid=rac-9`, undefined, token);
    const first = await responseOf<{ gw_client: Wire }>(config(tokens.anna));
    expect(first.gw_client).toMatchObject({ remote_access_client_id: 'rac-9', ownerid: 'anna@acme.test' });
    expect(await responseOf(config(tokens.anna))).toEqual(first);
    expect(await config(tokens.bert)).toEqual(error(403, 'access denied'));
    expect(await config(tokens.anna, 'nonsense')).toEqual(error(403, 'access denied'));
  });

  test('detaching takes the clients along, and can be repeated', async () => {
    for (let round = 0; round < 2; round += 1) expect((await detach('anna')).status).toBe(200);
    expect(await users()).toEqual([]);
    expect((await of('anna')).body).toEqual({});
    const left = await api.store.find('extClient', api.organization.id, { owner: ids.anna ?? 0 });
    expect(left).toEqual([]);
    expect((await detach('anna', 'nonsense')).status).toBe(200);
  });

  test('refusals have the words that clients show', async () => {
    expect(await attach('nobody')).toEqual(
      error(400, 'failed to fetch user nobody@acme.test, error: record not found'),
    );
    expect(await attach('adam')).toEqual(error(400, 'superadmins/admins have access to all gateways'));
    const gone = error(400, 'failed to fetch remote access gateway node, error: no result found');
    expect(await attach('anna', 'nonsense')).toEqual(gone);
    expect(await attach('anna', altered(gate.node))).toEqual(gone);
    expect((await attach('anna', gate.node, tokens.bert)).status).toBe(403);
    expect((await detach('anna', gate.node, tokens.bert)).status).toBe(403);
    expect(await call('GET', '/api/users/ingress/nonsense')).toEqual(error(400, 'no result found'));
    expect((await call('GET', `/api/users/ingress/${gate.node}`, undefined, tokens.bert)).status).toBe(403);
  });

  describe('users of a network', () => {
    const path = (verb: string, name: string, network = 'office') =>
      `/api/v1/users/${verb}_network_user?username=${name}@acme.test&network_id=${network}`;
    const unassigned = (token?: string) =>
      call('GET', '/api/v1/users/unassigned_network_users?network_id=office', undefined, token);

    test('come and go by their group, and their rows hold no secret', async () => {
      const before = await responseOf<Wire[]>(unassigned());
      expect(before.map(({ username }) => username)).toEqual(['anna@acme.test', 'carl@acme.test']);
      const row = await responseOf(call('PUT', path('add', 'carl')));
      expect(row).toMatchObject({
        username: 'carl@acme.test',
        password: '',
        totp_secret: '',
        user_group_ids: { 'office-network-user-grp': {} },
      });
      expect(await users()).toEqual(['carl@acme.test']);
      expect((await responseOf<Wire[]>(unassigned())).map(({ username }) => username)).toEqual([
        'anna@acme.test',
      ]);
      await responseOf(call('PUT', path('add', 'anna')));
      expect(await unassigned()).toEqual(answer('returned unassigned network service users', null));
      for (const name of ['anna', 'carl']) {
        const { user_group_ids } = await responseOf(call('PUT', path('remove', name)));
        expect(user_group_ids).toEqual({});
      }
      expect(await users()).toEqual([]);
    });

    test('are put in and out by whoever administrates the network, and nobody else', async () => {
      for (const verb of ['add', 'remove']) {
        for (const name of ['anna', 'bert']) {
          expect((await call('PUT', path(verb, 'carl'), undefined, tokens[name])).status).toBe(400);
        }
      }
      await responseOf(
        call('POST', '/api/v1/users/group', {
          user_group: { name: 'Office admins', network_roles: { office: { 'office-network-admin': {} } } },
          members: ['bert@acme.test'],
        }),
      );
      expect((await call('PUT', path('add', 'carl'), undefined, tokens.bert)).status).toBe(200);
      expect((await call('PUT', path('remove', 'carl'), undefined, tokens.bert)).status).toBe(200);
    });

    test('who is one is listed, with administrators, to whoever may read people or administrates the network', async () => {
      const list = (token?: string, query = '?network=office') =>
        call('GET', `/api/v1/users/network${query}`, undefined, token);
      await responseOf(call('PUT', path('add', 'carl')));
      const names = ['adam@acme.test', 'bert@acme.test', 'carl@acme.test', 'owner@acme.test'];
      const listed = await list();
      expect(listed).toMatchObject({ body: { Message: 'fetched users for network office' } });
      const rows = (listed.body as { Response: Wire[] }).Response;
      expect(rows.map(({ username }) => username)).toEqual(names);
      expect(rows[2]).toMatchObject({ user_group_ids: { 'office-network-user-grp': {} } });
      expect((await responseOf<Wire[]>(list(tokens.bert))).map(({ username }) => username)).toEqual(names);
      expect(await list(tokens.carl)).toEqual(error(403, 'access denied'));
      expect(await list(tokens.anna)).toEqual(error(400, 'network office not found'));
      expect(await list(undefined, '')).toEqual(error(400, 'network is required'));
      expect(await list(undefined, '?network=nowhere')).toEqual(error(400, 'network nowhere not found'));
      expect(await list(beta.token)).toEqual(error(400, 'network office not found'));
      await responseOf(call('PUT', path('remove', 'carl')));
    });

    test('who is none yet is shown to the network’s administrators, without what is no affair of theirs', async () => {
      await call('PUT', '/api/users/carl@acme.test', {
        username: 'carl@acme.test',
        user_group_ids: { 'global-network-user-grp': {} },
      });
      const rows = await responseOf<Wire[]>(unassigned(tokens.bert));
      expect(rows.map(({ username }) => username)).toEqual(['anna@acme.test', 'carl@acme.test']);
      expect(rows[1]).toMatchObject({
        platform_role_id: 'service-user',
        user_group_ids: {},
        last_login_time: '0001-01-01T00:00:00Z',
        num_access_tokens: 0,
      });
      // Groups over all networks do not count as being assigned.
      expect((await responseOf<Wire[]>(unassigned()))[1]).toMatchObject({
        user_group_ids: { 'global-network-user-grp': {} },
      });
      await call('PUT', '/api/users/carl@acme.test', { username: 'carl@acme.test', user_group_ids: {} });
      expect(await unassigned(tokens.anna)).toEqual(error(400, 'record not found'));
      expect(await unassigned(beta.token)).toEqual(error(400, 'record not found'));
    });

    test('a role that opens nothing makes its network known, and rules there as it says', async () => {
      const role = await responseOf(
        call('POST', '/api/v1/users/role', {
          name: 'Doorkeepers',
          network_id: 'office',
          network_level_access: { user: { all_user: { update: true } } },
        }),
      );
      const { token } = await api.createMember(api, 'member', 'dora');
      const body = {
        user_group: { name: 'Doorkeepers', network_roles: { office: { [String(role.id)]: {} } } },
      };
      await responseOf(call('POST', '/api/v1/users/group', { ...body, members: ['dora@acme.test'] }));
      const networks = (await call('GET', '/api/networks', undefined, token)).body as Wire[];
      expect(networks.map(({ netid }) => netid)).toEqual(['office']);
      expect((await call('GET', '/api/nodes', undefined, token)).body).toEqual([]);
      expect((await call('PUT', path('add', 'carl'), undefined, token)).status).toBe(200);
      expect((await call('PUT', path('remove', 'carl'), undefined, token)).status).toBe(200);
      expect((await call('GET', '/api/v1/users/network?network=office', undefined, token)).status).toBe(403);
      expect((await call('POST', `/api/extclients/office/${gate.node}`, {}, token)).status).toBe(400);
    });

    test.each([
      ['?network_id=office', 'username is required'],
      ['?username=carl@acme.test', 'network is required'],
      ['?username=carl@acme.test&network_id=nowhere', 'record not found'],
      ['?username=nobody@acme.test&network_id=office', 'record not found'],
      ['?username=adam@acme.test&network_id=office', 'can only add service users'],
    ])('%s is refused: %s', async (query, message) => {
      for (const verb of ['add', 'remove']) {
        expect(await call('PUT', `/api/v1/users/${verb}_network_user${query}`)).toEqual(error(400, message));
      }
    });
  });

  test('another organization’s gateways, networks and people do not exist', async () => {
    const theirs = await makeGateway(api, call, beta, 'theirs');
    expect((await attach('anna', theirs.node)).status).toBe(400);
    expect((await detach('anna', theirs.node)).status).toBe(200);
    expect(await call('GET', `/api/users/ingress/${theirs.node}`)).toEqual(error(400, 'no result found'));
    expect(
      (await call('GET', `/api/v1/rac/access_point/${theirs.node}/config?remote_access_clientid=x`)).status,
    ).toBe(403);
    expect((await call('GET', '/api/v1/rac/network/theirs/access_points')).status).toBe(403);
    const own = `/api/v1/users/add_network_user?username=anna@acme.test&network_id=theirs`;
    expect((await call('PUT', own)).status).toBe(400);
    expect((await call('PUT', own, undefined, beta.token)).status).toBe(400);
    expect((await attach('anna', theirs.node, beta.token)).status).toBe(400);
    const mine = await call(
      'GET',
      '/api/users/owner@beta.test/remote_access_gw?remote_access_clientid=x',
      undefined,
      beta.token,
    );
    expect(Object.keys(mine.body as object)).toEqual(['theirs']);
  });

  test('a deleted gateway takes its hidden group along', async () => {
    await attach('carl');
    await call('DELETE', `/api/nodes/office/${gate.node}/gateway`);
    expect(
      await api.store.find('group', api.organization.id, { systemKey: `gw-${gate.gateway}-users` }),
    ).toEqual([]);
  });
});
