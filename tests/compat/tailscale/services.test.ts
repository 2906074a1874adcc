import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const POLICY = JSON.stringify({
  grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
  tagOwners: { 'tag:web': ['autogroup:member'] },
});

interface WireService {
  readonly name: string;
  readonly addrs: string[];
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('services over the REST API on %s', (engine) => {
  let api: ApiServer;
  const T = '/api/v2/tailnet/-';
  const put = async (name: string, body: unknown) => {
    const answer = await api.call('PUT', `${T}/vip-services/${name}`, { body });
    return { status: answer.status, body: answer.json<WireService & { message?: string }>() };
  };
  const get = (name: string, base = 'vip-services') => api.call('GET', `${T}/${base}/${name}`);

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    await api.call('POST', `${T}/acl`, { body: POLICY });
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a new service gets a pair of addresses, and is seen under both names of the path', async () => {
    const { status, body } = await put('svc:web', { name: 'svc:web', ports: ['tcp:443'], tags: ['tag:web'] });
    expect(status).toBe(200);
    expect(body).toEqual({
      name: 'svc:web',
      addrs: [expect.stringMatching(/^100\./u), expect.stringMatching(/^fd7a:115c:a1e0:/u)],
      ports: ['tcp:443'],
      tags: ['tag:web'],
    });
    for (const base of ['vip-services', 'services']) {
      expect((await get('svc:web', base)).json()).toEqual(body);
      expect((await api.call('GET', `${T}/${base}`)).json()).toEqual({ vipServices: [body] });
    }
  });

  test('putting replaces everything but the addresses, which are kept when they are absent or sent back', async () => {
    const first = await put('svc:web', {
      name: 'svc:web',
      addrs: ['100.80.0.1'],
      displayName: 'Web',
      comment: 'old',
      annotations: { 'tailscale.com/owner-references': '{"a":1}' },
      ports: ['tcp:443', 'udp:53', 'tcp:8000-8100'],
      tags: ['tag:web'],
    });
    expect(first.body).toMatchObject({
      addrs: ['100.80.0.1', expect.any(String)],
      annotations: { 'tailscale.com/owner-references': '{"a":1}' },
    });
    const { addrs } = first.body;
    const second = await put('svc:web', { name: 'svc:web', ports: ['do-not-validate'], addrs });
    expect(second.body).toEqual({ name: 'svc:web', addrs, ports: ['do-not-validate'] });
    expect((await put('svc:web', { ports: ['tcp:1'] })).body.addrs).toEqual(addrs);
    const moved = await put('svc:web', { ports: ['tcp:1'], addrs: ['100.80.0.2', addrs[1]] });
    expect(moved.body.addrs).toEqual(['100.80.0.2', addrs[1]]);
  });

  test.each([
    [
      { ports: ['tcp:1'], addrs: ['100.80.0.1', 'fd7a:115c:a1e0::99'] },
      'when creating a new service, addrs must be empty or contain 1 IPv4 address',
    ],
    [{ ports: [] }, 'ports are empty, use "do-not-validate" to opt out of port validation'],
    [
      { ports: ['tcp:1'], addrs: ['100.100.100.100'] },
      'bad IPv4 address: address is reserved for use by Tailscale',
    ],
    [{ ports: ['tcp:1'], tags: ['tag:nope'] }, 'requested tags [tag:nope] are invalid or not permitted'],
    [{ ports: ['icmp:1'] }, 'ports: "icmp:1" is not a port such as tcp:443'],
    [{ ports: ['tcp:0'] }, 'ports: "tcp:0" is not a port such as tcp:443'],
  ])('making one with %j is refused', async (body, message) => {
    expect(await put('svc:web', body)).toEqual({ status: 400, body: { message } });
    expect((await get('svc:web')).status).toBe(404);
  });

  test('an update with one address, or another IPv6 address, is refused', async () => {
    await put('svc:web', { ports: ['tcp:1'] });
    expect((await put('svc:web', { ports: ['tcp:1'], addrs: ['100.80.0.1'] })).body).toEqual({
      message: 'when updating a service, addrs must contain 2 elements',
    });
    const other = await put('svc:web', { ports: ['tcp:1'], addrs: ['100.80.0.1', 'fd7a:115c:a1e0::1:1'] });
    expect(other.status).toBe(400);
  });

  test('a body with another name renames, and names are shared with devices', async () => {
    await addDevices(api, api.organization.id, [{ label: 'laptop', owner: api.owner.id }]);
    const { addrs } = (await put('svc:web', { ports: ['tcp:1'] })).body;
    expect((await put('svc:web', { name: 'svc:www', ports: ['tcp:1'] })).body).toMatchObject({
      name: 'svc:www',
      addrs,
    });
    expect((await get('svc:web')).status).toBe(404);
    expect((await put('svc:laptop', { ports: ['tcp:1'] })).body).toEqual({
      message: 'name "svc:laptop" is already taken',
    });
    await put('svc:other', { ports: ['tcp:1'] });
    expect((await put('svc:other', { name: 'svc:www', ports: ['tcp:1'] })).status).toBe(400);
    expect((await put('web', { ports: ['tcp:1'] })).status).toBe(400);
  });

  test('a new service has the name of its path', async () => {
    expect(await put('svc:web', { name: 'svc:www', ports: ['tcp:1'] })).toEqual({
      status: 400,
      body: { message: 'name "svc:www" of a new service must be that of the path, "svc:web"' },
    });
    expect((await api.call('GET', `${T}/services`)).json()).toEqual({ vipServices: [] });
  });

  test('who sees the hosts of a service must see devices as well', async () => {
    const acme = api;
    await put('svc:web', { ports: ['tcp:1'] });
    const statusOf = async (method: string, path: string, scopes: string[]) => {
      const token = await api.createToken(acme, api.owner, scopes);
      return (await api.call(method, `${T}/services/svc:web/${path}`, { token, body: { approved: false } }))
        .status;
    };
    const approved = 'device/999999/approved';
    expect(await statusOf('GET', 'devices', ['services'])).toBe(403);
    expect(await statusOf('GET', 'devices', ['services:read', 'devices:core:read'])).toBe(200);
    expect(await statusOf('GET', approved, ['services'])).toBe(403);
    expect(await statusOf('GET', approved, ['services:read', 'devices:core:read'])).toBe(404);
    expect(await statusOf('POST', approved, ['services'])).toBe(403);
    expect(await statusOf('POST', approved, ['services:read', 'devices:core'])).toBe(403);
    expect(await statusOf('POST', approved, ['services', 'devices:core'])).toBe(404);
  });

  test('deleting frees name and addresses', async () => {
    await put('svc:web', { ports: ['tcp:1'], addrs: ['100.80.0.1'] });
    expect((await api.call('DELETE', `${T}/vip-services/svc:web`)).status).toBe(200);
    expect((await api.call('DELETE', `${T}/vip-services/svc:web`)).status).toBe(404);
    expect((await put('svc:two', { ports: ['tcp:1'], addrs: ['100.80.0.1'] })).status).toBe(200);
  });

  test('a device with a tag of the service can be approved to host it, another cannot', async () => {
    const [web, plain] = await addDevices(api, api.organization.id, [
      { label: 'web1', owner: api.owner.id, tags: ['tag:web'] },
      { label: 'plain', owner: api.owner.id },
    ]);
    await put('svc:web', { ports: ['tcp:443'], tags: ['tag:web'] });
    const path = (device: number) => `${T}/services/svc:web/device/${device}/approved`;
    expect((await api.call('GET', path(web!.id))).json()).toEqual({ approved: false, autoApproved: false });
    const approve = await api.call('POST', path(web!.id), { body: { approved: true } });
    expect(approve.json()).toEqual({ approved: true, autoApproved: false });
    const { hosts } = (await api.call('GET', `${T}/services/svc:web/devices`)).json<{ hosts: object[] }>();
    const nodeId = expect.stringMatching(/^n\w+CNTRL$/u);
    expect(hosts).toEqual([
      { stableNodeID: nodeId, nodeId, approvalLevel: 'approved:manual', configured: 'ready' },
    ]);
    const refused = await api.call('POST', path(plain!.id), { body: { approved: true } });
    expect(refused.status).toBe(400);
    await api.call('POST', path(web!.id), { body: { approved: false } });
    expect((await api.call('GET', path(web!.id))).json()).toEqual({ approved: false, autoApproved: false });
  });
});

test('there is an end to making services', async () => {
  const api = await createTailscaleServer('sqlite');
  const org = api.organization.id;
  const by = { kind: 'system', id: '', name: 'test' } as const;
  const many = 10_000;
  await api.store.write({ orgs: [org], by, origin: 'system', ids: many }, async (tx) => {
    const plain = { displayName: '', ports: [], tags: [], comment: '', annotations: {} };
    for (let count = 0; count < many; count += 1) {
      const id = tx.newId();
      await tx.insert('service', { org, id, name: `svc:s${id}`, ...plain, createdAt: 0, updatedAt: 0 });
    }
    tx.audit(org, { verb: 'create', objectKind: 'service', objectId: 0, objectName: 'many' });
  });
  const answer = await api.call('PUT', '/api/v2/tailnet/-/vip-services/svc:more', {
    body: { ports: ['tcp:443'] },
  });
  expect([answer.status, answer.json()]).toEqual([
    413,
    { message: 'an organization has at most 10000 services' },
  ]);
  await api.close();
});
