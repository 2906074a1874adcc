import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicKeyOf } from '../../../src/kernel/wireguard-keys.ts';
import { altered } from '../../support/altered.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { answer, type Call, callOf, error, responseOf, type Wire } from './calls.ts';
import { keyPair, type MadeGateway, makeGateway, seedAgent } from './gateway-world.ts';
import { createNetmakerServer } from './support.ts';

const KEY = /^[A-Za-z0-9+/]{43}=$/u;
const HIDDEN = '[ENTER PRIVATE KEY]';

describe.each(ENGINES)('Netmaker external clients on %s', (engine) => {
  let api: ApiServer;
  let call: Call;
  let gate: MadeGateway;
  let gatewayKey: string;
  let beta: TestOrganization;
  let anna: string;
  let bert: string;
  let admin: string;
  let outsider: string;
  beforeAll(async () => {
    api = await createNetmakerServer(engine);
    call = callOf(api);
    beta = await api.createOrganization('beta');
    gate = await makeGateway(api, call, api, 'office');
    gatewayKey = await seedAgent(api, api.organization.id, gate.gateway);
    ({ token: anna } = await api.createMember(api, 'device-user', 'anna'));
    ({ token: bert } = await api.createMember(api, 'member', 'bert'));
    ({ token: admin } = await api.createMember(api, 'admin', 'adam'));
    ({ token: outsider } = await api.createMember(api, 'member', 'olaf'));
    await responseOf(
      call('POST', '/api/v1/egress', { name: 'Servers', network: 'office', range: '10.20.0.0/16' }),
    );
    await responseOf(
      call('POST', '/api/v1/users/group', {
        user_group: { name: 'Staff', network_roles: { office: { 'office-network-user': {} } } },
        members: ['anna@acme.test', 'bert@acme.test'],
      }),
    );
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const create = (body: unknown, token = anna, node = gate.node) =>
    call('POST', `/api/extclients/office/${node}`, body, token);
  const made = async (body: unknown, token?: string): Promise<Wire> => {
    const { status, body: client } = await create(body, token);
    expect(status, JSON.stringify(client)).toBe(200);
    return client as Wire;
  };
  const get = (id: unknown, token = anna) => call('GET', `/api/extclients/office/${id}`, undefined, token);
  const put = (id: unknown, body: unknown, token = anna) =>
    call('PUT', `/api/extclients/office/${id}`, body, token);
  const remove = (id: unknown, token = anna) =>
    call('DELETE', `/api/extclients/office/${id}`, undefined, token);
  const listed = async (token = anna, path = '/api/extclients/office') =>
    (await call('GET', path, undefined, token)).body as Wire[];
  const rows = () => api.store.find('extClient', api.organization.id, {});

  describe('making one', () => {
    test('without a key gives a pair that fits, addresses of the network, and a name', async () => {
      const client = await made(undefined);
      expect(client).toMatchObject({
        clientid: expect.stringMatching(/^client-[a-z0-9]{8}$/u),
        network: 'office',
        ingressgatewayid: gate.node,
        ingressgatewayendpoint: '203.0.113.7:51820',
        enabled: true,
        ownerid: 'anna@acme.test',
        extraallowedips: [],
        deniednodeacls: {},
      });
      expect(client.privatekey).toMatch(KEY);
      expect(publicKeyOf(String(client.privatekey))).toBe(client.publickey);
      expect(client.address).toMatch(/^198\.18\.0\.\d+$/u);
      expect(client.address6).toMatch(/^fd48:4f44:/u);
      expect(client.allowed_ips).toEqual(
        expect.arrayContaining([
          '198.18.0.0/22',
          '10.20.0.0/16',
          expect.stringMatching(/^fd48:4f44:.*::\/64$/u),
        ]),
      );
    });

    test('with a public key leaves the private one with the caller', async () => {
      const { publicKey } = keyPair(api);
      const client = await made({ clientid: 'own-key', publickey: publicKey });
      expect(client).toMatchObject({ clientid: 'own-key', publickey: publicKey, privatekey: HIDDEN });
      expect((await rows()).find(({ clientId }) => clientId === 'own-key')?.privateKeySealed).toBeNull();
      expect((await create({ publickey: publicKey })).status).toBe(400);
      expect(await create({ publickey: gatewayKey })).toEqual(error(400, 'the public key is in use'));
    });

    test('keeps the private key sealed', async () => {
      const { privatekey } = await made({ clientid: 'sealed-one' });
      const row = (await rows()).find(({ clientId }) => clientId === 'sealed-one');
      expect(row?.privateKeySealed).toBeTypeOf('string');
      expect(JSON.stringify(row)).not.toContain(privatekey);
      const changes = await api.store.feed.read(api.organization.id, 0, 100_000);
      expect(JSON.stringify(changes)).not.toContain(privatekey);
      const audit = await api.store.auditEvents(api.organization.id, { afterSeq: 0, limit: 10_000 });
      expect(JSON.stringify(audit)).not.toContain(privatekey);
    });

    test.each([
      [{ clientid: 'abc' }, /alphanumderic/u],
      [{ clientid: '../../etc/passwd' }, /alphanumderic/u],
      [{ clientid: '..%2f..%2fx' }, /alphanumderic/u],
      [{ clientid: 'a b c d e' }, /alphanumderic/u],
      [{ clientid: 'x'.repeat(33) }, /alphanumderic/u],
      [{ clientid: 'quote"name' }, /alphanumderic/u],
      [{ clientid: 'line\nbreak' }, /alphanumderic/u],
      [{ publickey: 'nonsense' }, /^incorrect client public key$/u],
      [{ publickey: 'A'.repeat(43) }, /^incorrect client public key$/u],
      [{ publickey: `${'A'.repeat(43)}=` }, /^incorrect client public key$/u],
      [{ presharedkey: 'nonsense' }, /^incorrect client preshared key$/u],
      [{ dns: 'example.com' }, /^client dns must be a valid ip address$/u],
      [{ dns: '10.0.0.1\nPostUp = x' }, /^client dns must be a valid ip address$/u],
      [{ postup: 'x'.repeat(1_025) }, /^postup: /u],
      [{ deniednodeacls: { x: {} } }, /^deniednodeacls is not supported/u],
      [{ device_id: 'x'.repeat(256) }, /^device_id must have/u],
      [{ enabled: 'yes' }, /^enabled: /u],
      [[], /^body: /u],
    ])('refuses %j, and writes nothing', async (body, message) => {
      const before = await rows();
      expect(await create(body)).toEqual(error(400, expect.stringMatching(message)));
      expect(await rows()).toEqual(before);
    });

    test('names are unique over all networks', async () => {
      await made({ clientid: 'twice' });
      expect(await create({ clientid: 'twice' }, bert)).toEqual(
        error(400, 'client validation: duplicate client name'),
      );
    });

    test('at what is no gateway is refused', async () => {
      for (const node of ['x', 'nonsense', altered(gate.node)]) {
        expect(await create({}, anna, node)).toEqual(error(400, 'ingress does not exist'));
      }
      expect(await call('POST', `/api/extclients/nowhere/${gate.node}`, {}, anna)).toEqual(
        error(400, 'ingress does not exist'),
      );
    });

    test('is for whoever reaches something behind the gateway', async () => {
      expect(await create({}, outsider)).toEqual(error(400, 'ingress does not exist'));
      expect((await create({}, admin)).status).toBe(200);
    });

    test('prefixes behind a client are for administrators, and belong to one thing alone', async () => {
      expect((await create({ extraallowedips: ['10.77.0.0/24'] })).status).toBe(403);
      const client = await made({ clientid: 'site-two', extraallowedips: ['10.77.0.9/24'] }, admin);
      expect(client.extraallowedips).toEqual(['10.77.0.0/24']);
      for (const [extra, message] of [
        ['10.77.0.0/25', /in use already/u],
        ['10.20.1.0/24', /in use already/u],
        ['198.18.0.0/24', /in use already/u],
        ['0.0.0.0/0', /must not take in/u],
        ['100.64.0.0/16', /must not take in/u],
        ['nonsense', /^client extra ip must be a valid cidr$/u],
      ] as const) {
        expect(await create({ extraallowedips: [extra] }, admin)).toEqual(
          error(400, expect.stringMatching(message)),
        );
      }
      expect((await get((await made({}, anna)).clientid)).body).toMatchObject({
        allowed_ips: expect.arrayContaining(['10.77.0.0/24']),
      });
      await remove('site-two', admin);
    });

    test('no network gets a range that is behind a client', async () => {
      // The second of the ranges that networks are given: the first is that of this network.
      await made({ clientid: 'site-three', extraallowedips: ['198.18.4.0/24', '10.79.0.0/24'] }, admin);
      expect((await call('POST', '/api/networks', { netid: 'given' })).body).toMatchObject({
        addressrange: '198.18.8.0/22',
      });
      expect(await call('POST', '/api/networks', { netid: 'clash', addressrange: '10.79.0.0/16' })).toEqual(
        error(400, 'addressrange overlaps a range behind a client'),
      );
      await call('DELETE', '/api/networks/given');
      await remove('site-three', admin);
    });

    test('addresses are given once, and again when they are free', async () => {
      const first = await made({}, bert);
      const second = await made({}, bert);
      expect(first.address).not.toBe(second.address);
      await remove(second.clientid, bert);
      expect((await made({}, bert)).address).not.toBe(first.address);
      const held = await api.store.find('address', api.organization.id, { holderKind: 'ext-client' });
      expect(held).toHaveLength(2 * (await rows()).length);
    });

    test('a program has one client at a gateway', async () => {
      await made({ remote_access_client_id: 'desktop-1', device_id: 'laptop-1' }, bert);
      for (const same of [{ remote_access_client_id: 'desktop-1' }, { device_id: 'laptop-1' }]) {
        expect(await create(same, bert)).toEqual(
          error(400, 'remote client config already exists on the gateway'),
        );
      }
      expect((await create({ device_id: 'laptop-1' }, anna)).status).toBe(200);
    });
  });

  describe('secrets', () => {
    test('are for whom the client belongs to or who made it, in single answers alone', async () => {
      const { clientid, privatekey, presharedkey } = await made({ clientid: 'private', presharedkey: true });
      expect(presharedkey).toMatch(KEY);
      expect((await get(clientid)).body).toMatchObject({ privatekey, presharedkey });
      for (const token of [api.token, admin]) {
        expect((await get(clientid, token)).body).toMatchObject({ privatekey: HIDDEN, presharedkey: '' });
        const file = await call('GET', `/api/extclients/office/${clientid}/file`, undefined, token);
        expect(String(file.body)).toContain(`PrivateKey = ${HIDDEN}`);
        expect(String(file.body)).not.toContain('PresharedKey');
      }
      for (const path of ['/api/extclients', '/api/extclients/office']) {
        for (const token of [anna, api.token]) {
          const clients = await listed(token, path);
          expect(clients.length).toBeGreaterThan(0);
          expect(clients.every((one) => one.privatekey === '' && one.presharedkey === '')).toBe(true);
          expect(JSON.stringify(clients)).not.toContain(privatekey);
        }
      }
      expect(await get(clientid, bert)).toEqual(error(500, 'no result found'));
      await remove(clientid);
    });

    test('are gone when the public key is another', async () => {
      await made({ clientid: 'rekeyed' });
      const { publicKey } = keyPair(api);
      const after = await put('rekeyed', { publickey: publicKey, enabled: true });
      expect(after.body).toMatchObject({ publickey: publicKey, privatekey: HIDDEN });
      await remove('rekeyed');
    });
  });

  describe('the configuration', () => {
    test('as a file says what wg-quick needs', async () => {
      const client = await made({
        clientid: 'filed',
        dns: '10.20.0.53',
        postup: 'echo up',
        presharedkey: true,
      });
      const file = await api.call('GET', '/api/extclients/office/filed/file', { token: anna });
      expect(file.headers['content-type']).toBe('application/config');
      expect(file.headers['content-disposition']).toBe('attachment; filename="filed.conf"');
      expect(file.headers['cache-control']).toBe('no-store');
      expect(file.text.split('\n')).toEqual([
        '[Interface]',
        `Address = ${client.address}/32,${client.address6}/128`,
        `PrivateKey = ${client.privatekey}`,
        'MTU = 1400',
        'DNS = 10.20.0.53',
        'PostUp = echo up',
        '',
        '[Peer]',
        `PublicKey = ${gatewayKey}`,
        `PresharedKey = ${client.presharedkey}`,
        expect.stringMatching(/^AllowedIPs = .*198\.18\.0\.0\/22,.*10\.20\.0\.0\/16/u),
        'Endpoint = 203.0.113.7:51820',
        'PersistentKeepalive = 20',
        '',
      ]);
    });

    test('as a picture is a PNG of 220 pixels', async () => {
      const { server } = api;
      const { rawPayload: image, headers } = await server.inject({
        method: 'GET',
        url: '/api/extclients/office/filed/qr',
        headers: { authorization: `Bearer ${anna}` },
      });
      expect(headers['content-type']).toBe('image/png');
      expect(image.subarray(1, 4).toString('latin1')).toBe('PNG');
      expect([image.readUInt32BE(16), image.readUInt32BE(20)]).toEqual([220, 220]);
      const data = image.subarray(image.indexOf('IDAT') + 4);
      expect(inflateSync(data).length).toBe(220 * (28 + 1));
    });

    test('of any other kind is the client', async () => {
      const single = (await get('filed')).body;
      expect((await call('GET', '/api/extclients/office/filed/json', undefined, anna)).body).toEqual(single);
    });

    test('takes no endpoint but the gateway’s', async () => {
      const at = (ip: string) =>
        call('GET', `/api/extclients/office/filed/file?preferredip=${ip}`, undefined, anna);
      expect((await at('203.0.113.7')).status).toBe(200);
      expect(await at('198.51.100.1')).toEqual(
        error(400, 'preferred endpoint ip is not associated with the RAG'),
      );
    });

    test('a command of several lines is left out', async () => {
      await put('filed', { postdown: 'one\n[Peer]\nPublicKey = x', enabled: true });
      const { body } = await call('GET', '/api/extclients/office/filed/file', undefined, anna);
      expect(String(body).match(/\[Peer\]/gu)).toHaveLength(1);
      await remove('filed');
    });

    test('needs the gateway’s agent to have come', async () => {
      const other = await makeGateway(api, call, api, 'quiet');
      const client = (await call('POST', `/api/extclients/quiet/${other.node}`, {}, api.token)).body as Wire;
      expect(client.ingressgatewayendpoint).toBe('');
      expect(await call('GET', `/api/extclients/quiet/${client.clientid}/file`)).toEqual(
        error(400, expect.stringMatching(/holdfast gateway up/u)),
      );
    });
  });

  describe('changing one', () => {
    test('its owner changes what is its own, and nobody else but administrators', async () => {
      await made({ clientid: 'changing' });
      expect(
        (await put('changing', { clientid: 'renamed-1', dns: '1.1.1.1', enabled: true })).body,
      ).toMatchObject({
        clientid: 'renamed-1',
        dns: '1.1.1.1',
        enabled: true,
      });
      expect(await put('renamed-1', { enabled: true }, bert)).toEqual(error(500, 'no result found'));
      expect(await put('changing', { enabled: true })).toEqual(error(500, 'no result found'));
      expect((await put('renamed-1', { dns: '', enabled: true }, admin)).body).toMatchObject({ dns: '' });
    });

    test('without `enabled` it is switched off, and only an administrator switches it on', async () => {
      expect((await put('renamed-1', {})).body).toMatchObject({ enabled: false });
      expect((await put('renamed-1', { enabled: true })).status).toBe(403);
      expect((await put('renamed-1', { enabled: true }, admin)).body).toMatchObject({ enabled: true });
    });

    test('whoever administrates the network does what administrators do with clients there, and sees no key', async () => {
      const { token } = await api.createMember(api, 'member', 'nora');
      expect((await call('GET', '/api/extclients/office', undefined, token)).status).not.toBe(200);
      await responseOf(
        call('POST', '/api/v1/users/group', {
          user_group: { name: 'Office admins', network_roles: { office: { 'office-network-admin': {} } } },
          members: ['nora@acme.test'],
        }),
      );
      const far = await makeGateway(api, call, api, 'far');
      await call('POST', `/api/extclients/far/${far.node}`, { clientid: 'far-away' });
      await made({ clientid: 'ruled-one' });
      for (const path of ['/api/extclients', '/api/extclients/office']) {
        const ids = (await listed(token, path)).map(({ clientid }) => clientid);
        expect(ids).toContain('ruled-one');
        expect(ids).not.toContain('far-away');
      }
      expect((await get('ruled-one', token)).body).toMatchObject({
        ownerid: 'anna@acme.test',
        privatekey: '[ENTER PRIVATE KEY]',
      });
      expect((await put('ruled-one', { enabled: false }, token)).body).toMatchObject({ enabled: false });
      expect((await put('ruled-one', { enabled: true })).status).toBe(403);
      expect((await put('ruled-one', { enabled: true }, token)).body).toMatchObject({ enabled: true });
      expect((await call('GET', '/api/extclients/far/far-away', undefined, token)).status).toBe(500);
      expect((await call('PUT', '/api/extclients/far/far-away', {}, token)).status).toBe(500);
      // A user of the network has the own ones alone.
      expect((await get('ruled-one', bert)).status).toBe(500);
      expect(await remove('ruled-one', token)).toEqual(answer('ruled-one deleted.'));
      expect((await get('ruled-one')).status).toBe(500);
      await call('DELETE', '/api/extclients/far/far-away');
    });

    test('deleting it twice is no error', async () => {
      expect(await remove('renamed-1')).toEqual(answer('renamed-1 deleted.'));
      expect(await remove('renamed-1')).toEqual(answer('renamed-1 deleted.'));
      expect((await get('renamed-1')).status).toBe(500);
    });

    test('many at once', async () => {
      const ids = ['bulk-one', 'bulk-two'];
      for (const clientid of ids) await made({ clientid });
      const path = '/api/v1/extclients/office/bulk';
      expect((await call('PUT', `${path}/status`, { ids, disable: true }, admin)).status).toBe(202);
      expect((await get('bulk-two')).body).toMatchObject({ enabled: false });
      expect(await call('DELETE', path, { ids: [] }, admin)).toEqual(
        error(400, 'no ext client IDs provided'),
      );
      expect((await call('DELETE', path, { ids }, anna)).status).toBe(403);
      expect((await call('DELETE', path, { ids }, admin)).status).toBe(202);
      expect((await get('bulk-one')).status).toBe(500);
    });
  });

  describe('with the life of its owner', () => {
    const user = async (name: string): Promise<string> => {
      const { token } = await api.createMember(api, 'device-user', name);
      await call('PUT', `/api/v1/users/add_network_user?username=${name}@acme.test&network_id=office`);
      return token;
    };
    const enabledOf = async (id: string) => ((await get(id, api.token)).body as Wire).enabled;

    test('being disabled without force leaves it on; with force, or over another dialect, it is off', async () => {
      await made({ clientid: 'of-carl' }, await user('carl'));
      await call('POST', '/api/users/carl@acme.test/disable');
      expect(await enabledOf('of-carl')).toBe(true);
      await call('POST', '/api/users/carl@acme.test/disable?force_disable_configs=true');
      expect(await enabledOf('of-carl')).toBe(false);
      await call('POST', '/api/users/carl@acme.test/enable');
      expect(await enabledOf('of-carl')).toBe(true);
    });

    test('being enabled with force switches on what was switched off one by one', async () => {
      await put('of-carl', { enabled: false }, api.token);
      await call('POST', '/api/users/carl@acme.test/disable?force_disable_configs=true');
      await call('POST', '/api/users/carl@acme.test/enable');
      expect(await enabledOf('of-carl')).toBe(false);
      await call('POST', '/api/users/carl@acme.test/enable?force_enable_configs=true');
      expect(await enabledOf('of-carl')).toBe(true);
    });

    test('what was read while it was off can be written back', async () => {
      await call('POST', '/api/users/carl@acme.test/disable?force_disable_configs=true');
      const shown = (await get('of-carl', api.token)).body as Wire;
      await put('of-carl', { clientid: shown.clientid, dns: shown.dns, enabled: shown.enabled }, api.token);
      await call('POST', '/api/users/carl@acme.test/enable');
      expect(await enabledOf('of-carl')).toBe(true);
    });

    test('being deleted leaves plain ones as the organization’s, switched off; with force nothing stays', async () => {
      const dora = await user('dora');
      await made({ clientid: 'plain-dora' }, dora);
      await made({ clientid: 'app-of-dora', device_id: 'phone' }, dora);
      expect((await call('DELETE', '/api/users/dora@acme.test')).status).toBe(200);
      expect((await get('plain-dora', api.token)).body).toMatchObject({ enabled: false, ownerid: '' });
      expect((await get('app-of-dora', api.token)).status).toBe(500);
      await made({ clientid: 'of-emil' }, await user('emil'));
      await call('DELETE', '/api/users/emil@acme.test?force_delete_configs=true');
      expect((await get('of-emil', api.token)).status).toBe(500);
      const held = await api.store.find('address', api.organization.id, { holderKind: 'ext-client' });
      expect(held).toHaveLength(2 * (await rows()).length);
    });
  });

  test('another organization has none of it, whatever is asked', async () => {
    await made({ clientid: 'foreign-1' });
    await call('POST', '/api/networks', { netid: 'office' }, beta.token);
    const { token } = beta;
    const before = (await get('foreign-1')).body;
    const attempts: readonly (readonly [string, string, unknown?])[] = [
      ['GET', '/api/extclients/office/foreign-1'],
      ['GET', '/api/extclients/office/foreign-1/file'],
      ['GET', '/api/extclients/office/foreign-1/qr'],
      ['PUT', '/api/extclients/office/foreign-1', { enabled: false }],
      ['DELETE', '/api/extclients/office/foreign-1'],
      ['POST', `/api/extclients/office/${gate.node}`, {}],
      ['PUT', '/api/v1/extclients/office/bulk/status', { ids: ['foreign-1'], disable: true }],
      ['DELETE', '/api/v1/extclients/office/bulk', { ids: ['foreign-1'] }],
    ];
    for (const [method, path, body] of attempts) {
      const { status } = await call(method, path, body, token);
      const harmless = method === 'DELETE' || path.includes('bulk');
      expect(harmless ? [200, 202, 400] : [400, 500], `${method} ${path}`).toContain(status);
    }
    expect(await listed(token, '/api/extclients')).toEqual([]);
    expect((await get('foreign-1')).body).toEqual(before);
  });

  test('whatever is sent is answered with a documented status', async () => {
    const field = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          clientid: field,
          publickey: field,
          presharedkey: field,
          dns: field,
          extraallowedips: field,
          enabled: field,
          device_id: field,
          tags: field,
        },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom('POST', 'PUT'), async (sent, method) => {
        const target = method === 'POST' ? gate.node : 'foreign-1';
        const { status } = await call(method, `/api/extclients/office/${target}`, sent, admin);
        expect([200, 400, 413, 500]).toContain(status);
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (name) => {
        const path = `/api/extclients/office/${encodeURIComponent(name) || 'x'}`;
        expect([200, 400, 404, 500]).toContain((await call('GET', path, undefined, anna)).status);
      }),
      { numRuns: 60 },
    );
  });

  test('what the gateway reports shows in the client', async () => {
    const { clientid } = await made({ clientid: 'reported' });
    const [row] = (await rows()).filter((one) => one.clientId === clientid);
    await seed(api.store, api.organization.id, (tx) =>
      tx.put('extClientLive', {
        org: api.organization.id,
        extClient: row?.id ?? 0,
        lastHandshake: 1_700_000_000_000,
        receivedBytes: 5,
        sentBytes: 7,
        endpoint: '192.0.2.1:4000',
        reportedAt: tx.now,
      }),
    );
    expect((await get(clientid)).body).toMatchObject({
      last_handshake: 1_700_000_000,
      received_bytes: 5,
      sent_bytes: 7,
      public_endpoint: '192.0.2.1:4000',
    });
  });
});
