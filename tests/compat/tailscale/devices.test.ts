import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/domain/model/devices.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { seed } from '../../support/seeds.ts';
import { addDevices, createTailscaleServer, ipv4Of, ipv6Of } from './support.ts';

const TAGS_POLICY = JSON.stringify({
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
  tagOwners: { 'tag:web': ['autogroup:member'], 'tag:db': [] },
});

interface WireDevice {
  readonly id: string;
  readonly nodeId: string;
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('devices over the REST API on %s', (engine) => {
  let api: ApiServer;
  let laptop: Device;
  let router: Device;
  const get = async (path: string): Promise<WireDevice[]> =>
    (await api.call('GET', `/api/v2/tailnet/-/devices${path}`)).json<{ devices: WireDevice[] }>().devices;
  const post = (device: Device, what: string, body: unknown) =>
    api.call('POST', `/api/v2/device/${device.id}/${what}`, { body });
  const one = async (device: Device, fields = 'default') =>
    (await api.call('GET', `/api/v2/device/${device.id}?fields=${fields}`)).json<WireDevice>();

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    const made = await addDevices(api, api.organization.id, [
      { label: 'laptop', owner: api.owner.id, online: true },
      {
        label: 'router',
        owner: api.owner.id,
        tags: ['tag:web'],
        advertised: ['10.0.1.0/24', '2.0.0.0/24', '1.2.0.0/16', '0.0.0.0/0', '::/0'],
      },
    ]);
    laptop = made[0]!;
    router = made[1]!;
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a device has the members of the contract, and those of fields=all only when asked for', async () => {
    const device = await one(laptop);
    expect(Object.keys(device).sort()).toEqual(
      [
        ...['addresses', 'authorized', 'blocksIncomingConnections', 'clientVersion', 'connectedToControl'],
        ...['created', 'expires', 'hostname', 'id', 'isEphemeral', 'isExternal', 'keyExpiryDisabled'],
        ...['machineKey', 'name', 'nodeId', 'nodeKey', 'os', 'tailnetLockError', 'tailnetLockKey'],
        ...['updateAvailable', 'user'],
      ].sort(),
    );
    expect(device).toMatchObject({
      id: String(laptop.id),
      addresses: [ipv4Of(laptop.id), ipv6Of(laptop.id)],
      user: 'owner@acme.test',
      hostname: 'laptop',
      name: 'laptop.acme.holdfast.internal',
      connectedToControl: true,
      authorized: true,
      keyExpiryDisabled: false,
      isExternal: false,
      isEphemeral: false,
      updateAvailable: false,
    });
    expect(device.nodeId).toMatch(/^n[1-9A-Za-z]+CNTRL$/u);
    expect(device.created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/u);
    const full = await one(laptop, 'all');
    expect(full).toMatchObject({
      enabledRoutes: [],
      advertisedRoutes: [],
      sshEnabled: false,
      postureIdentity: { disabled: true },
      distro: { name: 'debian', version: '12', codeName: 'bookworm' },
      clientConnectivity: {
        endpoints: ['192.0.2.1:41641'],
        mappingVariesByDestIP: false,
        latency: { 'Region 1': { preferred: true, latencyMs: 12.5 }, 'Region 2': { latencyMs: 80 } },
        clientSupports: { hairPinning: null, ipv6: true, udp: true, pcp: false, pmp: false, upnp: false },
      },
    });
  });

  test('an offline device says when it was last seen, and tags are shown sorted with their registering user', async () => {
    const device = await one(router);
    expect(device.connectedToControl).toBe(false);
    expect(device.lastSeen).toMatch(/Z$/u);
    expect(device.tags).toEqual(['tag:web']);
    expect(device.user).toBe('owner@acme.test');
  });

  test('a device whose server process is gone counts as disconnected', async () => {
    await api.leases.expire('r1');
    expect((await one(laptop)).connectedToControl).toBe(false);
    expect((await one(laptop)).lastSeen).toMatch(/Z$/u);
  });

  test('both forms of the id name the same device, and neither is the other', async () => {
    const device = await one(laptop);
    expect(device.id).not.toBe(device.nodeId);
    const byNode = await api.call('GET', `/api/v2/device/${device.nodeId}`);
    expect(byNode.json()).toEqual(device);
  });

  test.each([
    ['name=router.acme.holdfast.internal', ['router']],
    ['hostname=laptop', ['laptop']],
    ['name=laptop', []],
    ['hostname=lap', []],
    ['tags=tag:web', ['router']],
    ['tags=tag:web&tags=tag:db', []],
    ['os=linux', ['laptop', 'router']],
    ['os=linux&hostname=router', ['router']],
    ['user=owner@acme.test', ['laptop', 'router']],
    ['user=tagged-devices', []],
    ['connectedToControl=true', ['laptop']],
    ['connectedToControl=false', ['router']],
    ['authorized=false', []],
    ['keyExpiryDisabled=true', ['router']],
    ['isExternal=true', []],
    ['isEphemeral=false', ['laptop', 'router']],
    ['advertisedRoutes=10.0.1.0/24', ['router']],
    ['enabledRoutes=10.0.1.0/24', []],
    ['sshEnabled=false', ['laptop', 'router']],
    ['blocksIncomingConnections=true', []],
  ])('the filter %s finds %j', async (query, expected) => {
    expect((await get(`?${query}`)).map(({ hostname }) => hostname)).toEqual(expected);
  });

  test('every scalar that a device shows finds that device when it is filtered by', async () => {
    for (const device of [await one(laptop), await one(router)]) {
      for (const [name, value] of Object.entries(device)) {
        const values = Array.isArray(value) ? value : [value];
        const query = values.map((each) => `${name}=${encodeURIComponent(String(each))}`).join('&');
        const found = await get(`?${query}`);
        expect(
          found.map(({ id }) => id),
          query,
        ).toContain(device.id);
      }
    }
  });

  test('a filter by something that devices do not have is refused', async () => {
    const answer = await api.call('GET', '/api/v2/tailnet/-/devices?colour=red');
    expect(answer.status).toBe(400);
    expect(answer.json()).toEqual({ message: 'devices cannot be filtered by "colour"' });
  });

  test('deleting answers 200 with an empty body, and the device and its addresses are gone', async () => {
    const answer = await api.call('DELETE', `/api/v2/device/${laptop.id}`);
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect((await api.call('GET', `/api/v2/device/${laptop.id}`)).status).toBe(404);
    expect((await get('')).map(({ hostname }) => hostname)).toEqual(['router']);
    const org = api.organization.id;
    expect(await api.store.find('address', org, { holder: laptop.id })).toEqual([]);
    expect(await api.store.get('presence', org, { device: laptop.id })).toBeUndefined();
    expect((await api.call('DELETE', `/api/v2/device/${laptop.id}`)).status).toBe(404);
  });

  test('enabled routes are replaced as a whole and come back in order of their addresses', async () => {
    const set = await post(router, 'routes', { routes: ['10.0.1.0/24', '1.2.0.0/16', '2.0.0.0/24'] });
    expect(set.status).toBe(200);
    expect(set.json()).toEqual({
      advertisedRoutes: ['0.0.0.0/0', '1.2.0.0/16', '2.0.0.0/24', '10.0.1.0/24', '::/0'],
      enabledRoutes: ['1.2.0.0/16', '2.0.0.0/24', '10.0.1.0/24'],
    });
    const fewer = await post(router, 'routes', { routes: ['2.0.0.0/24'] });
    expect(fewer.json<{ enabledRoutes: string[] }>().enabledRoutes).toEqual(['2.0.0.0/24']);
    expect((await one(router, 'all')).enabledRoutes).toEqual(['2.0.0.0/24']);
    const none = await post(router, 'routes', { routes: [] });
    expect(none.json<{ enabledRoutes: string[] }>().enabledRoutes).toEqual([]);
  });

  test('routes can be enabled before they are advertised, and vanish when they are disabled again', async () => {
    expect((await post(laptop, 'routes', { routes: ['192.168.0.0/24'] })).json()).toEqual({
      advertisedRoutes: [],
      enabledRoutes: ['192.168.0.0/24'],
    });
    expect((await post(laptop, 'routes', { routes: [] })).json()).toEqual({
      advertisedRoutes: [],
      enabledRoutes: [],
    });
    expect(await api.store.find('route', api.organization.id, { device: laptop.id })).toEqual([]);
  });

  test('either prefix of an exit node enables both', async () => {
    const set = await post(router, 'routes', { routes: ['::/0'] });
    expect(set.json<{ enabledRoutes: string[] }>().enabledRoutes).toEqual(['0.0.0.0/0', '::/0']);
  });

  test('a route that rests with its approver is enabled anew by whoever asks for it', async () => {
    const routeOf = () =>
      api.store.find('route', api.organization.id, { device: router.id, prefix: '2.0.0.0/24' });
    const { member } = await api.createMember(api, 'network-admin');
    await seed(api.store, api.organization.id, (tx) =>
      tx.put('route', {
        ...{ org: api.organization.id, device: router.id, prefix: '2.0.0.0/24', advertised: true },
        ...{ manualAt: tx.now, manualBy: member.id, auto: false },
      }),
    );
    await post(router, 'routes', { routes: ['2.0.0.0/24'] });
    expect(await routeOf()).toMatchObject([{ manualBy: member.id }]);
    await api.call('POST', `/api/v2/users/${member.id}/suspend`);
    await post(router, 'routes', { routes: ['2.0.0.0/24'] });
    expect(await routeOf()).toMatchObject([{ advertised: true, manualBy: api.owner.id }]);
  });

  test('addresses of devices are no routes, but for those that stand for IPv4 networks of sites', async () => {
    const own = ['100.79.1.2/32', '100.100.100.100/32', '100.64.0.0/10', 'fd7a:115c:a1e0::/48'];
    for (const route of own) {
      const answer = await post(router, 'routes', { routes: [route] });
      expect([answer.status, answer.json<{ message: string }>().message]).toEqual([
        400,
        `routes: "${route}" lies where devices have their own addresses`,
      ]);
    }
    const site = 'fd7a:115c:a1e0:b1a:0:7:a01:100/120';
    const set = await post(router, 'routes', { routes: ['100.0.0.0/8', site] });
    expect(set.json<{ enabledRoutes: string[] }>().enabledRoutes).toEqual(['100.0.0.0/8', site]);
  });

  test.each(['10.0.0.1/16', '10.0.0.0', 'x', '10.0.0.0/33', ''])(
    'the route %j is refused and changes nothing',
    async (route) => {
      const answer = await post(router, 'routes', { routes: ['2.0.0.0/24', route] });
      expect(answer.status).toBe(400);
      expect(answer.json<{ message: string }>().message).toMatch(/^routes/u);
      expect((await one(router, 'all')).enabledRoutes).toEqual([]);
    },
  );

  test('authorization is taken and given back, whether or not approval is on', async () => {
    expect((await post(laptop, 'authorized', { authorized: false })).json()).toEqual({});
    expect((await one(laptop)).authorized).toBe(false);
    await post(laptop, 'authorized', { authorized: true });
    expect((await one(laptop)).authorized).toBe(true);
    expect((await post(laptop, 'authorized', {})).status).toBe(400);
  });

  test('a blocked device is not authorized by this call', async () => {
    const blocked = await addDevices(api, api.organization.id, [
      { label: 'blocked', owner: api.owner.id, patch: { blockedAt: 1 } },
    ]);
    const answer = await post(blocked[0]!, 'authorized', { authorized: true });
    expect([answer.status, answer.json()]).toEqual([400, { message: 'device is blocked; unblock it first' }]);
  });

  test('a name is a label or a full name, is unique, and is given up by an empty one', async () => {
    expect((await post(laptop, 'name', { name: 'desk.acme.holdfast.internal' })).json()).toEqual({});
    expect((await one(laptop)).name).toBe('desk.acme.holdfast.internal');
    const taken = await post(laptop, 'name', { name: 'router' });
    expect([taken.status, taken.json()]).toEqual([400, { message: 'name "router" is already taken' }]);
    await post(laptop, 'name', {});
    expect((await one(laptop)).name).toBe('laptop.acme.holdfast.internal');
    expect((await post(laptop, 'name', { name: 'a b' })).status).toBe(400);
  });

  test('tagging moves the device to its tags and ends its key expiry; it cannot be untagged', async () => {
    await api.call('POST', '/api/v2/tailnet/-/acl', { body: TAGS_POLICY });
    expect((await post(laptop, 'tags', { tags: ['tag:web', 'tag:db'] })).json()).toEqual({});
    expect(await one(laptop)).toMatchObject({ tags: ['tag:db', 'tag:web'], keyExpiryDisabled: true });
    expect((await api.store.get('device', api.organization.id, laptop.id))?.ownerKind).toBe('tags');
    const untagged = await post(laptop, 'tags', { tags: null });
    expect([untagged.status, untagged.json()]).toEqual([
      400,
      { message: 'tagged nodes cannot be untagged without reauth' },
    ]);
  });

  test('tags that the policy does not know are refused by name', async () => {
    const answer = await post(laptop, 'tags', { tags: ['tag:a', 'tag:b'] });
    expect([answer.status, answer.json()]).toEqual([
      400,
      { message: 'requested tags [tag:a tag:b] are invalid or not permitted' },
    ]);
    expect((await one(laptop)).tags).toBeUndefined();
  });

  test('key expiry is switched off and on again without losing its time', async () => {
    const { expires } = await one(laptop);
    await post(laptop, 'key', { keyExpiryDisabled: true });
    expect(await one(laptop)).toMatchObject({ keyExpiryDisabled: true, expires });
    await post(laptop, 'key', {});
    expect(await one(laptop)).toMatchObject({ keyExpiryDisabled: true, expires });
    await post(laptop, 'key', { keyExpiryDisabled: false });
    expect(await one(laptop)).toMatchObject({ keyExpiryDisabled: false, expires });
  });

  test('expiring ends the key now, also of a device whose key would never expire', async () => {
    const answer = await api.call('POST', `/api/v2/device/${router.id}/expire`);
    expect([answer.status, answer.text]).toEqual([200, '']);
    const row = await api.store.get('device', api.organization.id, router.id);
    expect(row).toMatchObject({ keyExpiresAt: api.clock.now(), expiryDisabled: false });
  });

  test('an IPv4 address is taken from the pool, and only a free one', async () => {
    expect((await post(laptop, 'ip', { ipv4: '100.80.1.2' })).json()).toEqual({});
    expect((await one(laptop)).addresses).toEqual(['100.80.1.2', ipv6Of(laptop.id)]);
    for (const ipv4 of [
      '100.80.1.2',
      '10.0.0.1',
      '100.100.100.100',
      '100.115.92.7',
      '100.101.102.103',
      'x',
    ]) {
      const answer = await post(router, 'ip', { ipv4 });
      expect([ipv4, answer.status]).toEqual([ipv4, 400]);
    }
    expect((await one(router)).addresses).toEqual([ipv4Of(router.id), ipv6Of(router.id)]);
  });

  test('each write leaves one audit event of this API, and a refused one leaves none', async () => {
    const org = api.organization.id;
    const seq = async () => (await api.store.auditHead(org)).auditSeq;
    const before = await seq();
    await post(laptop, 'authorized', { authorized: false });
    await post(laptop, 'name', { name: 'x y' });
    await post(laptop, 'routes', { routes: ['nonsense'] });
    expect(await seq()).toBe(before + 1);
    const [event] = await api.store.auditEvents(org, { afterSeq: before, limit: 10 });
    expect(event).toMatchObject({ origin: 'tailscale-api', byName: 'owner@acme.test', objectKind: 'device' });
  });
});
