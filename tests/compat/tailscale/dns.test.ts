import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

describe.each(ENGINES)('DNS over the REST API on %s', (engine) => {
  let api: ApiServer;
  const DNS = '/api/v2/tailnet/-/dns';
  const get = async (what: string) => (await api.call('GET', `${DNS}/${what}`)).json();
  const send = async (method: string, what: string, body: unknown) => {
    const answer = await api.call(method, `${DNS}/${what}`, { body });
    return [answer.status, answer.json()];
  };
  const post = (what: string, body: unknown) => send('POST', what, body);

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a new organization shows empty lists, never null', async () => {
    expect(await get('nameservers')).toEqual({ dns: [] });
    expect(await get('searchpaths')).toEqual({ searchPaths: [] });
    expect(await get('split-dns')).toEqual({});
    expect(await get('configuration')).toEqual({ preferences: { overrideLocalDNS: false, magicDNS: true } });
  });

  test('nameservers keep their order, and taking the last one away switches MagicDNS off', async () => {
    expect(await post('nameservers', { dns: ['8.8.8.8', '1.1.1.1', 'https://dns.test/q'] })).toEqual([
      200,
      { dns: ['8.8.8.8', '1.1.1.1', 'https://dns.test/q'], magicDNS: true },
    ]);
    expect(await get('nameservers')).toEqual({ dns: ['8.8.8.8', '1.1.1.1', 'https://dns.test/q'] });
    expect(await post('nameservers', { dns: [] })).toEqual([200, { dns: [], magicDNS: false }]);
    expect(await post('nameservers', { dns: ['8.8.8.8'] })).toEqual([
      200,
      { dns: ['8.8.8.8'], magicDNS: false },
    ]);
    expect(await post('preferences', { magicDNS: true })).toEqual([200, { magicDNS: true }]);
  });

  test('MagicDNS alone is allowed, unless the organization asks for a nameserver', async () => {
    await post('preferences', { magicDNS: false });
    expect(await post('preferences', { magicDNS: true })).toEqual([200, { magicDNS: true }]);
    await post('preferences', { magicDNS: false });
    const org = api.organization.id;
    const by = { kind: 'system', id: '', name: 'test' } as const;
    await api.store.write({ orgs: [org], by, origin: 'system' }, async (tx) => {
      await tx.put('setting', { org, name: 'magic_dns_needs_nameserver', value: true, updatedAt: tx.now });
      tx.audit(org, { verb: 'update', objectKind: 'setting', objectId: 0, objectName: 'test' });
    });
    const refusal = [400, { message: 'need at least one nameserver to enable MagicDNS' }];
    expect(await post('preferences', { magicDNS: true })).toEqual(refusal);
    expect(await post('configuration', { preferences: { magicDNS: true } })).toEqual(refusal);
    expect(
      await post('configuration', { nameservers: [{ address: '9.9.9.9' }], preferences: { magicDNS: true } }),
    ).toEqual([
      200,
      { nameservers: [{ address: '9.9.9.9' }], preferences: { magicDNS: true, overrideLocalDNS: false } },
    ]);
  });

  test('split DNS is merged by PATCH, where null and empty lists remove, and replaced by PUT', async () => {
    expect(
      await send('PATCH', 'split-dns', { 'a.test': ['1.1.1.1', '8.8.8.8'], 'b.test': ['9.9.9.9'] }),
    ).toEqual([200, { 'a.test': ['1.1.1.1', '8.8.8.8'], 'b.test': ['9.9.9.9'] }]);
    expect(await send('PATCH', 'split-dns', { 'a.test': null, 'c.test': ['4.4.4.4'] })).toEqual([
      200,
      { 'b.test': ['9.9.9.9'], 'c.test': ['4.4.4.4'] },
    ]);
    expect(await send('PATCH', 'split-dns', { 'b.test': [] })).toEqual([200, { 'c.test': ['4.4.4.4'] }]);
    expect(await send('PUT', 'split-dns', { 'd.test': ['5.5.5.5'] })).toEqual([
      200,
      { 'd.test': ['5.5.5.5'] },
    ]);
    expect(await send('PUT', 'split-dns', {})).toEqual([200, {}]);
  });

  test('all forms are one configuration', async () => {
    const whole = {
      nameservers: [{ address: '9.9.9.9', useWithExitNode: true }, { address: '1.1.1.1' }],
      splitDNS: { 'corp.test': [{ address: '10.0.0.53' }] },
      searchPaths: ['corp.test', 'b.test'],
      preferences: { overrideLocalDNS: true, magicDNS: true },
    };
    expect(await post('configuration', whole)).toEqual([200, whole]);
    expect(await get('nameservers')).toEqual({ dns: ['9.9.9.9', '1.1.1.1'] });
    expect(await get('split-dns')).toEqual({ 'corp.test': ['10.0.0.53'] });
    expect(await get('searchpaths')).toEqual({ searchPaths: ['corp.test', 'b.test'] });
    await post('searchpaths', { searchPaths: [] });
    expect(await get('configuration')).toEqual({
      nameservers: whole.nameservers,
      splitDNS: whole.splitDNS,
      preferences: whole.preferences,
    });
    expect(await post('configuration', {})).toEqual([
      200,
      { preferences: { overrideLocalDNS: false, magicDNS: false } },
    ]);
  });

  test('the form of the first Go client is the same configuration', async () => {
    const older = {
      resolvers: [{ addr: '9.9.9.9', useWithExitNode: true }, { addr: '1.1.1.1' }],
      fallbackResolvers: [],
      routes: { 'corp.test': [{ addr: '10.0.0.53' }] },
      domains: ['corp.test'],
      nameservers: ['9.9.9.9', '1.1.1.1'],
      proxied: true,
    };
    expect(await post('config', older)).toEqual([200, older]);
    expect(await get('configuration')).toEqual({
      nameservers: [{ address: '9.9.9.9', useWithExitNode: true }, { address: '1.1.1.1' }],
      splitDNS: { 'corp.test': [{ address: '10.0.0.53' }] },
      searchPaths: ['corp.test'],
      preferences: { overrideLocalDNS: true, magicDNS: true },
    });
    await post('configuration', { nameservers: [{ address: '8.8.8.8' }] });
    const empty = { resolvers: [], fallbackResolvers: [], routes: {}, domains: [], nameservers: [] };
    expect(await get('config')).toEqual({
      ...empty,
      fallbackResolvers: [{ addr: '8.8.8.8' }],
      proxied: false,
    });
    expect(await post('config', { nameservers: ['1.1.1.1'] })).toEqual([
      200,
      { ...empty, resolvers: [{ addr: '1.1.1.1' }], nameservers: ['1.1.1.1'], proxied: false },
    ]);
    expect(await post('config', { resolvers: null, routes: null })).toEqual([
      200,
      { ...empty, proxied: false },
    ]);
  });

  test.each([
    ['POST', 'nameservers', { dns: ['8.8.8'] }, /^dns: "8\.8\.8"/u],
    ['POST', 'nameservers', { dns: ['http://x.test'] }, /^dns: /u],
    ['POST', 'nameservers', { dns: 'x' }, /^dns: /u],
    ['POST', 'searchpaths', { searchPaths: ['a b'] }, /^searchPaths: "a b"/u],
    ['PATCH', 'split-dns', { 'a.test': ['x'] }, /^splitDNS\.a\.test: "x"/u],
    ['PUT', 'split-dns', { '': ['1.1.1.1'] }, /^splitDNS: /u],
    ['POST', 'preferences', {}, /^magicDNS: is required/u],
    ['POST', 'configuration', { nameservers: [{}] }, /^nameservers/u],
    ['POST', 'config', { resolvers: [{ addr: 'x' }] }, /^nameservers: "x"/u],
    [
      'POST',
      'config',
      { resolvers: [{ addr: '1.1.1.1' }], fallbackResolvers: [{ addr: '8.8.8.8' }] },
      /^either resolvers or fallbackResolvers/u,
    ],
    [
      'POST',
      'config',
      { resolvers: [{ addr: 'https://d.test', bootstrapResolution: ['1.1.1.1'] }] },
      /^bootstrapResolution/u,
    ],
  ])('%s %s with %j is refused, naming the part', async (method, what, body, message) => {
    const before = await get('configuration');
    expect(await send(method, what, body)).toEqual([400, { message: expect.stringMatching(message) }]);
    expect(await get('configuration')).toEqual(before);
  });
});
