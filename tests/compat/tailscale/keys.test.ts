import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { permissionsOfRole } from '../../../src/domain/access/permissions.ts';
import { encodeExternalId } from '../../../src/domain/ids/external-id.ts';
import { createAccessService } from '../../../src/domain/networks/access-service.ts';
import { createServiceAccountService } from '../../../src/domain/service-accounts/service-account-service.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { addDevices, createTailscaleServer } from './support.ts';

const POLICY = JSON.stringify({
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }],
  tagOwners: { 'tag:ci': ['autogroup:member'], 'tag:prod': ['tag:ci'], 'tag:ops': [] },
});
const NINETY_DAYS = 7_776_000;

interface WireKey {
  readonly id: string;
  readonly key?: string;
  readonly created: string;
  readonly expires?: string;
  readonly [name: string]: unknown;
}

describe.each(ENGINES)('keys over the REST API on %s', (engine) => {
  let api: ApiServer;
  let acme: TestOrganization;
  const KEYS = '/api/v2/tailnet/-/keys';
  const create = (body: unknown, token?: string) =>
    api.call('POST', KEYS, { body, ...(token === undefined ? {} : { token }) });
  const authKey = (create_: object = {}, more: object = {}) =>
    create({ capabilities: { devices: { create: create_ } }, ...more });
  const get = async (id: string) => (await api.call('GET', `${KEYS}/${id}`)).json<WireKey>();
  const list = async (query = '', token?: string) =>
    (await api.call('GET', `${KEYS}${query}`, token === undefined ? {} : { token }))
      .json<{ keys: WireKey[] }>()
      .keys.map(({ id }) => id);

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    acme = api;
    await api.call('POST', '/api/v2/tailnet/-/acl', { body: POLICY });
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('an auth key has exactly its own members, its secret once, and lives as long as it was asked to', async () => {
    const answer = await authKey(
      { reusable: true, preauthorized: true, tags: ['tag:ops', 'tag:ci'] },
      { description: 'build-1 host_2', expirySeconds: 86_400 },
    );
    expect(answer.status).toBe(200);
    const { key, ...rest } = answer.json<WireKey>();
    expect(key).toMatch(new RegExp(`^tskey-auth-${rest.id}-[A-Za-z0-9]+$`, 'u'));
    expect(rest).toEqual({
      id: expect.stringMatching(/^k[1-9A-Za-z]+CNTRL$/u),
      keyType: 'auth',
      description: 'build-1 host_2',
      expirySeconds: 86_400,
      created: expect.any(String),
      expires: expect.any(String),
      invalid: false,
      userId: expect.stringMatching(/^u[1-9A-Za-z]+CNTRL$/u),
      capabilities: {
        devices: {
          create: { reusable: true, ephemeral: false, preauthorized: true, tags: ['tag:ops', 'tag:ci'] },
        },
      },
    });
    expect(Date.parse(rest.expires!) - Date.parse(rest.created)).toBe(86_400_000);
    expect(await get(rest.id)).toEqual(rest);
  });

  test('an auth key without a life or capabilities of its own is single-use and lives ninety days', async () => {
    const key = (await create({ capabilities: { devices: {} } })).json<WireKey>();
    expect(key).toMatchObject({
      expirySeconds: NINETY_DAYS,
      capabilities: {
        devices: { create: { reusable: false, ephemeral: false, preauthorized: false, tags: [] } },
      },
    });
    expect(Date.parse(key.expires!) - Date.parse(key.created)).toBe(NINETY_DAYS * 1000);
    const zero = (await authKey({}, { expirySeconds: 0 })).json<WireKey>();
    expect(zero.expirySeconds).toBe(NINETY_DAYS);
  });

  test.each([
    [{}, 'exactly one capability scope must be populated'],
    ['', 'exactly one capability scope must be populated'],
    ['{"capabilities":', 'exactly one capability scope must be populated'],
    ['[]', 'exactly one capability scope must be populated'],
    [{ capabilities: null }, 'exactly one capability scope must be populated'],
    [
      { capabilities: { devices: { create: { reusable: 'yes' } } } },
      'exactly one capability scope must be populated',
    ],
    [{ capabilities: { devices: {} }, description: 'a/b' }, 'keys: description had invalid characters'],
    [
      { capabilities: { devices: { create: { tags: ['tag:a', 'tag:b'] } } } },
      'requested tags [tag:a tag:b] are invalid or not permitted',
    ],
    [{ keyType: 'client', scopes: [] }, 'scopes cannot be empty'],
    [{ keyType: 'client' }, 'scopes cannot be empty'],
  ])('creating with %j is refused with the words of the contract', async (body, message) => {
    const answer = await create(body);
    expect([answer.status, answer.json()]).toEqual([400, { message }]);
  });

  test.each([
    { capabilities: { devices: {} }, expirySeconds: NINETY_DAYS + 1 },
    { capabilities: { devices: {} }, expirySeconds: -1 },
    { capabilities: { devices: {} }, expirySeconds: 1.5 },
    { capabilities: { devices: {} }, description: 'x'.repeat(51) },
    { keyType: 'api' },
    { keyType: 'client', scopes: ['nonsense'] },
    { keyType: 'client', scopes: ['devices:core'] },
    { keyType: 'federated', scopes: ['dns'] },
    { keyType: 'federated', scopes: ['dns'], issuer: 'http://x.test', subject: '*' },
    { keyType: 'federated', scopes: ['dns'], issuer: 'https://x.test', subject: '' },
    {
      keyType: 'federated',
      scopes: ['dns'],
      issuer: 'https://x.test',
      subject: '*',
      customClaimRules: { sub: 'x' },
    },
  ])('creating with %j is refused', async (body) => {
    const before = await list('?all=true');
    expect((await create(body)).status).toBe(400);
    expect(await list('?all=true')).toEqual(before);
  });

  test('an OAuth client has scopes in their order and no expiry, capabilities or empty tags', async () => {
    const { key, ...rest } = (
      await create({ keyType: 'client', scopes: ['dns', 'all:read'], description: 'tf' })
    ).json<WireKey>();
    expect(key).toMatch(/^tskey-client-k\w+CNTRL-\w+$/u);
    expect(rest).toEqual({
      id: expect.any(String),
      keyType: 'client',
      description: 'tf',
      created: expect.any(String),
      invalid: false,
      scopes: ['dns', 'all:read'],
      userId: expect.stringMatching(/^u/u),
    });
    const tagged = (
      await create({ keyType: 'client', scopes: ['devices:core'], tags: ['tag:ci'] })
    ).json<WireKey>();
    expect(tagged.tags).toEqual(['tag:ci']);
  });

  test('a federated identity gets an audience of its own, no secret, and always claim rules and tags', async () => {
    const made = (
      await create({ keyType: 'federated', scopes: ['dns'], issuer: 'https://ci.test', subject: 'repo:*' })
    ).json<WireKey>();
    expect(made.key).toBeUndefined();
    expect(made).toMatchObject({
      keyType: 'federated',
      issuer: 'https://ci.test',
      subject: 'repo:*',
      customClaimRules: {},
      tags: [],
      scopes: ['dns'],
    });
    expect(made.audience).toMatch(new RegExp(`^api\\..+/T\\w+CNTRL-${made.id}$`, 'u'));
    expect(made.expirySeconds).toBeUndefined();
  });

  test('replacing sets everything anew; auth keys and keys of another type cannot be replaced', async () => {
    const client = (
      await create({ keyType: 'client', scopes: ['auth_keys'], tags: ['tag:ci'], description: 'one' })
    ).json<WireKey>();
    const put = await api.call('PUT', `${KEYS}/${client.id}`, {
      body: { keyType: 'client', scopes: ['dns'] },
    });
    expect(put.status).toBe(200);
    expect(put.json()).toMatchObject({ id: client.id, description: '', scopes: ['dns'] });
    expect(put.json()).toHaveProperty('updated');
    expect(put.json()).not.toHaveProperty('tags');
    expect(put.json()).not.toHaveProperty('key');
    // Clients in the field leave the type out: the key has one.
    const untyped = await api.call('PUT', `${KEYS}/${client.id}`, { body: { scopes: ['users'] } });
    expect([untyped.status, untyped.json()]).toMatchObject([200, { keyType: 'client', scopes: ['users'] }]);
    const auth = (await authKey()).json<WireKey>();
    for (const keyType of ['auth', 'client', undefined]) {
      const refused = await api.call('PUT', `${KEYS}/${auth.id}`, { body: { keyType, scopes: ['dns'] } });
      expect([refused.status, refused.json()]).toEqual([
        400,
        { message: 'keys of type "auth" can not be updated' },
      ]);
    }
  });

  test('a revoked key is still there to be read, invalid, and in no list', async () => {
    const client = (await create({ keyType: 'client', scopes: ['dns'] })).json<WireKey>();
    expect((await api.call('DELETE', `${KEYS}/${client.id}`)).status).toBe(200);
    const read = await get(client.id);
    expect(read.invalid).toBe(true);
    expect(Date.parse(String(read.revoked))).toBeGreaterThan(0);
    expect(await list('?all=true')).not.toContain(client.id);
    expect((await api.call('DELETE', `${KEYS}/${client.id}`)).status).toBe(200);
    for (const unknown of ['k111119CNTRL', 'nope', '1']) {
      expect((await api.call('GET', `${KEYS}/${unknown}`)).status).toBe(404);
      expect((await api.call('DELETE', `${KEYS}/${unknown}`)).status).toBe(404);
    }
  });

  test('revoking a service key cuts off what joined with it, and nothing else', async () => {
    const org = acme.organization.id;
    const actor = { kind: 'system', org, name: 'test', permissions: permissionsOfRole('owner') } as const;
    const access = createAccessService({ store: api.store });
    const accounts = createServiceAccountService({ store: api.store, random: api.random, access });
    const account = await accounts.create(actor, { name: 'deploy', role: 'none' }, 'system');
    const make = async () =>
      (await accounts.createKey(actor, { account: account.id, days: 0 }, 'system')).key.id;
    const [ended, other] = [await make(), await make()];
    const owned = { ownerKind: 'service_account', owner: account.id, expiryDisabled: true } as const;
    const devices = await addDevices(api, org, [
      { label: 'job-one', patch: { ...owned, credential: ended } },
      { label: 'job-two', patch: { ...owned, credential: other } },
    ]);
    const present = () => Promise.all(devices.map(({ id }) => api.store.get('device', org, id)));
    const path = `${KEYS}/${encodeExternalId('credential', ended)}`;
    const member = await api.createMember(acme, 'member', 'mona');
    expect((await api.call('DELETE', path, { token: member.token })).status).toBe(403);
    expect((await present()).map((device) => device?.expiryDisabled)).toEqual([true, true]);
    expect((await api.call('DELETE', path)).status).toBe(200);
    const [one, two] = await present();
    expect(one).toMatchObject({ expiryDisabled: false, keyExpiresAt: api.clock.now() });
    expect(two).toMatchObject({ expiryDisabled: true, keyExpiresAt: devices[1]?.keyExpiresAt });
    expect(await get(encodeExternalId('credential', ended))).toMatchObject({ invalid: true });
  });

  test('an expired key is invalid and leaves the lists', async () => {
    const key = (await authKey({}, { expirySeconds: 60 })).json<WireKey>();
    expect(await list()).toContain(key.id);
    api.clock.advance(60_000);
    expect((await get(key.id)).invalid).toBe(true);
    expect(await list()).not.toContain(key.id);
  });

  test('without all a person sees their own keys, with it those of all', async () => {
    const it = await api.createMember(acme, 'it-admin');
    const mine = (await authKey()).json<WireKey>().id;
    const theirs = (await create({ capabilities: { devices: {} } }, it.token)).json<WireKey>().id;
    expect(await list('', it.token)).toContain(theirs);
    expect(await list('', it.token)).not.toContain(mine);
    const all = await list('?all=true', it.token);
    expect(all).toEqual(expect.arrayContaining([mine, theirs]));
  });

  test('nobody hands out scopes beyond their own', async () => {
    const network = await api.createMember(acme, 'network-admin');
    const it = await api.createMember(acme, 'it-admin');
    const admin = await api.createMember(acme, 'admin');
    const make = async (token: string, scopes: string[]) => {
      const answer = await create({ keyType: 'client', scopes, tags: ['tag:ci'] }, token);
      return [answer.status, answer.json<{ message?: string }>().message];
    };
    expect(await make(network.token, ['all'])).toEqual([403, 'actor cannot set scopes: [all]']);
    expect(await make(network.token, ['dns', 'devices:core'])).toEqual([
      403,
      'actor cannot set scopes: [devices:core]',
    ]);
    expect((await make(it.token, ['devices:core']))[0]).toBe(200);
    expect((await make(it.token, ['policy_file']))[0]).toBe(403);
    expect((await make(admin.token, ['all']))[0]).toBe(200);
    const narrow = await api.createToken(acme, api.owner, ['oauth_keys']);
    expect((await make(narrow, ['dns']))[0]).toBe(403);
  });

  test('a tag may be used by those whom the policy names, and any tag by network administrators', async () => {
    const it = await api.createMember(acme, 'it-admin');
    const network = await api.createMember(acme, 'network-admin');
    const status = async (token: string, tag: string) =>
      (await create({ capabilities: { devices: { create: { tags: [tag] } } } }, token)).status;
    expect(await status(it.token, 'tag:ci')).toBe(200);
    expect(await status(it.token, 'tag:ops')).toBe(400);
    expect(await status(network.token, 'tag:ops')).toBe(200);
    expect(await status(network.token, 'tag:hf-net-x')).toBe(400);
  });
});
