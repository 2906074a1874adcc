import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { insertNetwork, insertResource, seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, uuidOf, type Wire } from './calls.ts';
import { DEVICE_KIND, makeGateway } from './gateway-world.ts';
import { createNetmakerServer } from './support.ts';

const NETWORK_KIND = 6;

describe.each(ENGINES)('Netmaker networks, nodes, hosts and egress on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let beta: TestOrganization;
  let member: string;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    beta = await api.createOrganization('beta');
    ({ token: member } = await api.createMember(api, 'member', 'mona'));
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const list = async (token?: string) =>
    (await call('GET', '/api/networks', undefined, token)).body as Wire[];

  describe('networks', () => {
    test('are made with a name that is their id, and get ranges of addresses that nobody else has', async () => {
      const made = await call('POST', '/api/networks', { netid: 'office', unknown: { field: 1 } });
      expect(made.status).toBe(200);
      expect(made.body).toMatchObject({
        netid: 'office',
        addressrange: '198.18.0.0/22',
        addressrange6: expect.stringMatching(/^fd48:4f44:.*::\/64$/u),
        defaultkeepalive: 20,
        created_by: 'owner@acme.test',
      });
      expect((await call('POST', '/api/networks', { netid: 'second' })).body).toMatchObject({
        addressrange: '198.18.4.0/22',
      });
      expect((await call('GET', '/api/networks/office')).body).toEqual(made.body);
      expect((await list()).map(({ netid }) => netid)).toEqual(['office', 'second']);
    });

    test('take a range that is asked for, in canonical form', async () => {
      const made = await call('POST', '/api/networks', {
        netid: 'chosen',
        addressrange: '10.101.7.9/16',
        addressrange6: 'fd00:7::1/64',
      });
      expect(made.body).toMatchObject({ addressrange: '10.101.0.0/16', addressrange6: 'fd00:7::/64' });
      expect(await call('POST', '/api/networks', { netid: 'clash', addressrange: '10.101.3.0/24' })).toEqual(
        error(400, 'addressrange overlaps the range of another network'),
      );
    });

    test.each([
      [{ netid: 'UPPER' }, /^netid must be/u],
      [{ netid: '' }, /name must not be empty/u],
      [{ netid: '../etc' }, /^netid must be/u],
      [{ netid: 'a'.repeat(33) }, /^netid must be/u],
      [{ netid: 'global' }, /^netid must be/u],
      [{ netid: 'all_networks' }, /^netid must be/u],
      [{ netid: 'bad1', addressrange: 'nonsense' }, /^addressrange must be an IPv4 range/u],
      [{ netid: 'bad2', addressrange: 'fd00::/64' }, /^addressrange must be an IPv4 range/u],
      [{ netid: 'bad3', addressrange: '100.64.0.0/16' }, /^addressrange must not overlap 100\.64\.0\.0\/10/u],
      [{ netid: 'bad4', addressrange: '10.0.0.0/4' }, /^addressrange must be a range between/u],
      [{ netid: 'bad5', addressrange: '10.9.0.0/31' }, /^addressrange must be a range between/u],
      [{ netid: 'bad6', addressrange6: 'fd7a:115c:a1e0::/64' }, /^addressrange6 must not overlap/u],
      [{ netid: 7 }, /^netid: /u],
      ['no JSON', /^body: /u],
    ])('refuse %j, and write nothing', async (body, message) => {
      const before = await list();
      const refused = await call('POST', '/api/networks', body);
      expect(refused).toEqual(error(400, expect.stringMatching(message)));
      expect(await list()).toEqual(before);
    });

    test('of one name are one', async () => {
      expect((await call('POST', '/api/networks', { netid: 'office' })).status).toBe(400);
    });

    test('are shown to members in whom a role or an edge opens them, and to nobody else', async () => {
      expect(await list(member)).toEqual([]);
      expect(await call('GET', '/api/networks/office', undefined, member)).toEqual(
        error(500, 'record not found'),
      );
      expect((await call('POST', '/api/networks', { netid: 'mine' }, member)).status).toBe(403);
      await responseOf(
        call('POST', '/api/v1/users/group', {
          user_group: { name: 'Staff', network_roles: { office: { 'office-network-user': {} } } },
          members: ['mona@acme.test'],
        }),
      );
      expect((await list(member)).map(({ netid }) => netid)).toEqual(['office']);
    });

    test('of another dialect are the same, by their slug', async () => {
      const org = api.organization.id;
      const { id } = await seed(api.store, org, (tx) =>
        insertNetwork(tx, org, { name: 'Prod DC', slug: 'prod-dc' }),
      );
      expect((await call('GET', '/api/networks/prod-dc')).body).toMatchObject({
        id: uuidOf(NETWORK_KIND, id),
        netid: 'prod-dc',
        addressrange: '',
      });
      await seed(api.store, org, (tx) =>
        insertResource(tx, org, { network: id, name: 'db', addressText: '10.0.0.5' }),
      );
      expect(await call('DELETE', '/api/networks/prod-dc')).toEqual(error(400, 'the network has resources'));
    });

    test('are deleted with an answer that the vendor’s command line can read', async () => {
      await call('POST', '/api/networks', { netid: 'passing' });
      expect(await call('DELETE', '/api/networks/passing')).toEqual({ status: 200, body: 'success' });
      expect((await call('GET', '/api/networks/passing')).status).toBe(500);
    });
  });

  describe('nodes and hosts', () => {
    test('a host becomes a gateway of a network, once, named after it', async () => {
      const { node, device } = await makeGateway(api, call, api, 'gates');
      const { body: hosts } = await call('GET', '/api/hosts');
      expect(hosts).toContainEqual(
        expect.objectContaining({ id: uuidOf(DEVICE_KIND, device), name: 'gw-gates', nodes: [node] }),
      );
      const again = await call('POST', `/api/hosts/${uuidOf(DEVICE_KIND, device)}/networks/gates`);
      expect(again).toEqual(answer('added host to network gates'));
      const { body: nodes } = await call('GET', '/api/nodes/gates');
      expect(nodes).toEqual([
        expect.objectContaining({
          id: node,
          hostid: uuidOf(DEVICE_KIND, device),
          network: 'gates',
          is_gw: true,
          isingressgateway: true,
          status: 'offline',
        }),
      ]);
      expect((await call('GET', `/api/nodes/gates/${node}`)).body).toMatchObject({
        node: {
          id: node,
          address: { IP: expect.stringMatching(/^100\./u), Mask: '/////w==' },
          expdatetime: '0001-01-01T00:00:00Z',
          lastmodified: expect.stringMatching(/^\d{4}-.*Z$/u),
        },
        host: { id: uuidOf(DEVICE_KIND, device), name: 'gw-gates' },
      });
      expect((await call('GET', '/api/nodes')).body).toContainEqual(expect.objectContaining({ id: node }));
    });

    test('how clients are told to use it can be set', async () => {
      const { node } = await makeGateway(api, call, api, 'looks');
      const set = await call('POST', `/api/nodes/looks/${node}/gateway`, {
        metadata: 'Berlin',
        mtu: 1380,
        extclientdns: '10.0.0.53, fd00::53',
      });
      expect(set.body).toMatchObject({
        metadata: 'Berlin',
        ingressmtu: 1380,
        ingressdns: '10.0.0.53,fd00::53',
      });
      for (const [body, message] of [
        [{ mtu: 10 }, 'mtu must be between 576 and 9000'],
        [{ extclientdns: 'dns.example' }, 'client dns must be a valid ip address'],
      ] as const) {
        expect(await call('POST', `/api/nodes/looks/${node}/createingress`, body)).toEqual(
          error(400, message),
        );
      }
      expect((await call('GET', `/api/nodes/looks/${node}`)).body).toMatchObject({
        node: { ingressmtu: 1380 },
      });
    });

    test('deleting the gateway leaves the host', async () => {
      const { node, device } = await makeGateway(api, call, api, 'leaving');
      expect((await call('DELETE', `/api/nodes/leaving/${node}/gateway`)).body).toMatchObject({
        id: node,
        is_gw: false,
      });
      expect((await call('GET', '/api/nodes/leaving')).body).toEqual([]);
      expect(await call('DELETE', `/api/nodes/leaving/${node}`)).toEqual(error(500, 'no result found'));
      expect((await call('GET', `/api/hosts/${uuidOf(DEVICE_KIND, device)}`)).status).toBe(200);
    });
  });

  describe('egress', () => {
    test('is a resource that whoever holds a role on the network reaches', async () => {
      await call('POST', '/api/networks', { netid: 'egress' });
      const made = await responseOf(
        call('POST', '/api/v1/egress', {
          name: 'Servers',
          network: 'egress',
          range: '10.20.0.0/16',
          nat: true,
        }),
      );
      expect(made).toMatchObject({ name: 'Servers', network: 'egress', range: '10.20.0.0/16', status: true });
      const [row] = await api.store.find('resource', api.organization.id, { name: 'Servers' });
      expect(row).toMatchObject({ kind: 'egress', networkWide: true, addressKind: 'cidr' });
      expect(await responseOf<Wire[]>(call('GET', '/api/v1/egress?network=egress'))).toEqual([made]);
      const changed = await responseOf(
        call('PUT', '/api/v1/egress', { ...made, name: 'All servers', status: false }),
      );
      expect(changed).toMatchObject({ name: 'All servers', range: '10.20.0.0/16', status: false });
      expect(await call('DELETE', `/api/v1/egress?id=${made.id}`)).toEqual(answer('deleted egress resource'));
      expect(await responseOf(call('GET', '/api/v1/egress?network=egress'))).toEqual([]);
    });

    test.each([
      [{ name: 'x', network: 'nowhere', range: '10.0.0.0/8' }, 'record not found'],
      [{ name: 'x', network: 'egress' }, 'egress range or domain is required'],
      [{ name: '', network: 'egress', range: '10.0.0.0/8' }, expect.stringMatching(/name/u)],
      [{ name: 'x', network: 'egress', range: '10.0.0.0/99' }, expect.any(String)],
      [{ name: 'x', network: 'egress', range: '100.80.0.0/16' }, expect.stringMatching(/own addresses/u)],
      [
        { name: 'x', network: 'egress', range: 'fd7a:115c:a1e0::/64' },
        expect.stringMatching(/own addresses/u),
      ],
      [{ name: 'x', network: 'egress', is_internet_gateway: true }, expect.stringMatching(/exit node/u)],
    ])('%j is refused', async (body, message) => {
      expect(await call('POST', '/api/v1/egress', body)).toEqual(error(400, message));
    });
  });

  describe('of another organization', () => {
    test('nothing exists, whatever is asked of it', async () => {
      const theirs = await makeGateway(api, call, beta, 'secret');
      const egress = await responseOf(
        call('POST', '/api/v1/egress', { name: 'db', network: 'secret', range: '10.1.0.0/16' }, beta.token),
      );
      const host = uuidOf(DEVICE_KIND, theirs.device);
      const attempts: readonly (readonly [string, string, unknown?])[] = [
        ['GET', '/api/networks/secret'],
        ['PUT', '/api/networks/secret', { netid: 'secret' }],
        ['DELETE', '/api/networks/secret'],
        ['GET', '/api/nodes/secret'],
        ['GET', `/api/nodes/secret/${theirs.node}`],
        ['GET', `/api/nodes/office/${theirs.node}`],
        ['POST', `/api/nodes/office/${theirs.node}/gateway`, { metadata: 'taken over' }],
        ['DELETE', `/api/nodes/office/${theirs.node}/gateway`],
        ['DELETE', `/api/nodes/secret/${theirs.node}`],
        ['GET', `/api/hosts/${host}`],
        ['POST', `/api/hosts/${host}/networks/office`],
        ['DELETE', `/api/hosts/${host}/networks/secret`],
        ['GET', '/api/v1/egress?network=secret'],
        ['PUT', '/api/v1/egress', { id: egress.id, name: 'taken over' }],
        ['DELETE', `/api/v1/egress?id=${egress.id}`],
      ];
      for (const [method, path, body] of attempts) {
        const { status, body: said } = await call(method, path, body);
        expect([400, 500], `${method} ${path}`).toContain(status);
        expect(said, `${method} ${path}`).toMatchObject({
          Message: expect.stringMatching(/not found|no result/u),
        });
      }
      expect((await call('GET', '/api/hosts')).body).not.toContainEqual(
        expect.objectContaining({ id: host }),
      );
      expect((await call('GET', '/api/nodes/secret', undefined, beta.token)).body).toEqual([
        expect.objectContaining({ id: theirs.node, metadata: '' }),
      ]);
    });
  });

  test('whatever is sent is answered with a documented status and the one form of errors', async () => {
    const paths = [
      '/api/networks',
      '/api/networks/office',
      '/api/nodes/office',
      '/api/v1/egress',
      '/api/hosts/x/networks/office',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        fc.constantFrom('POST', 'PUT', 'DELETE', 'GET'),
        fc.oneof(
          fc.jsonValue(),
          fc.record({ netid: fc.string(), addressrange: fc.string(), network: fc.string() }),
        ),
        async (path, method, body) => {
          if (method === 'DELETE' && path === '/api/networks/office') return;
          const { status, body: said } = await call(method, path, method === 'GET' ? undefined : body);
          expect([200, 400, 404, 405, 500]).toContain(status);
          if (status === 500)
            expect(said).toMatchObject({ Message: expect.stringMatching(/no result|not found/u) });
        },
      ),
      { numRuns: 60 },
    );
  });
});
