import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import {
  createTwingateServer,
  type Gql,
  gid,
  gqlOf,
  mutationOf,
  type RunMutation,
  refused,
  type Seeded,
  seedOrganization,
} from './support.ts';

const FIELDS = `ok error entity { id name priority fallbackMethod allowedDomains deniedDomains groups { edges { node { id } } }
  privacyCategoryConfig { blockAffiliate blockDisguisedTrackers blockAdsAndTrackers } securityCategoryConfig { blockDnsRebinding }
  contentCategoryConfig { blockGames enableSafeSearch } }`;

describe.each(ENGINES)('Twingate DNS filtering profiles and device posture on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let run: RunMutation;
  let seeded: Seeded;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    run = mutationOf(gql);
    seeded = await seedOrganization(api);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('without an id the oldest is meant, which the older mutations make where there is none', async () => {
    const READ = '{ dnsFilteringProfile { name allowedDomains deniedDomains } dnsFilteringProfiles { id } }';
    const token = (await api.createOrganization('fresh')).token;
    const done = { ok: true, error: null };
    expect((await gql(READ, undefined, token)).data).toEqual({
      dnsFilteringProfile: null,
      dnsFilteringProfiles: [],
    });
    const set = (call: string) => run(call, 'ok error', undefined, token);
    expect(await set('dnsFilteringAllowedDomainsSet(domains: ["a.test"])')).toEqual(done);
    expect(await set('dnsFilteringDeniedDomainsSet(domains: ["b.test", "*.c.test"])')).toEqual(done);
    expect((await gql(READ, undefined, token)).data).toMatchObject({
      dnsFilteringProfile: {
        name: 'Default Profile',
        allowedDomains: ['a.test'],
        deniedDomains: ['b.test', '*.c.test'],
      },
      dnsFilteringProfiles: [{}],
    });
    await run('dnsFilteringProfileCreate(name: "later")', 'ok', undefined, token);
    expect((await gql(READ, undefined, token)).data.dnsFilteringProfile.name).toBe('Default Profile');
  });

  test('are made by name, changed in part, and deleted', async () => {
    const made = await run('dnsFilteringProfileCreate(name: "kids")', FIELDS);
    const { id } = made.entity;
    expect(made).toEqual({
      ok: true,
      error: null,
      entity: {
        id,
        name: 'kids',
        priority: 0,
        fallbackMethod: 'STRICT',
        allowedDomains: [],
        deniedDomains: [],
        groups: { edges: [] },
        privacyCategoryConfig: null,
        securityCategoryConfig: null,
        contentCategoryConfig: null,
      },
    });
    expect(await run('dnsFilteringProfileCreate(name: "kids")', FIELDS)).toMatchObject(
      refused('already exists'),
    );
    const update = (rest: string) => run(`dnsFilteringProfileUpdate(id: "${id}", ${rest})`, FIELDS);
    const ops = gid('Group', seeded.groups.ops.id);
    const all = await update(
      `priority: 2.5, fallbackMethod: AUTO, allowedDomains: ["x.test"], deniedDomains: [], groups: ["${ops}"],
       contentCategoryConfig: {blockGames: true}, privacyCategoryConfig: {blockAffiliate: false}`,
    );
    expect(all.entity).toMatchObject({
      priority: 2.5,
      fallbackMethod: 'AUTO',
      allowedDomains: ['x.test'],
      groups: { edges: [{ node: { id: ops } }] },
      contentCategoryConfig: { blockGames: true, enableSafeSearch: false },
      privacyCategoryConfig: { blockAffiliate: false, blockDisguisedTrackers: false },
      securityCategoryConfig: null,
    });
    const nulls = await update(
      'name: null, priority: null, fallbackMethod: null, allowedDomains: null, groups: null, contentCategoryConfig: {enableSafeSearch: true, blockGames: null}',
    );
    expect(nulls.entity).toMatchObject({
      name: 'kids',
      priority: 2.5,
      fallbackMethod: 'AUTO',
      allowedDomains: ['x.test'],
      groups: { edges: [{ node: { id: ops } }] },
      contentCategoryConfig: { blockGames: true, enableSafeSearch: true },
    });
    // A group has one profile: another takes it over.
    const other = await run('dnsFilteringProfileCreate(name: "other")', FIELDS);
    await run(`dnsFilteringProfileUpdate(id: "${other.entity.id}", groups: ["${ops}"])`, FIELDS);
    expect((await update('name: "young"')).entity).toMatchObject({ name: 'young', groups: { edges: [] } });
    expect((await gql(`{ dnsFilteringProfile(id: "${id}") { name } }`)).data.dnsFilteringProfile.name).toBe(
      'young',
    );
    expect(await run(`dnsFilteringProfileDelete(id: "${id}")`, 'ok error')).toEqual({
      ok: true,
      error: null,
    });
    expect(await run(`dnsFilteringProfileDelete(id: "${id}")`, 'ok error')).toEqual({
      ok: false,
      error: `DnsFilteringProfile with id '${id}' does not exist`,
    });
    expect((await gql(`{ dnsFilteringProfile(id: "${id}") { name } }`)).data.dnsFilteringProfile).toBeNull();
  });

  test.each([
    ['a name that is empty', 'name: " "', 'name must not be empty'],
    ['a domain that is none', 'allowedDomains: ["a b"]', "'a b' in allowedDomains is no DNS name"],
    ['an empty domain', 'deniedDomains: [""]', 'deniedDomains'],
    ['a group that is none', 'groups: ["nonsense"]', "Group with id 'nonsense' does not exist"],
    ['an id of another type', `groups: ["${gid('User', 1)}"]`, 'does not exist'],
  ])('do not take %s', async (_name, change, message) => {
    const { data } = await gql('{ dnsFilteringProfiles { id } }');
    const { id } = data.dnsFilteringProfiles[0];
    const before = await api.store.auditHead(api.organization.id);
    expect(await run(`dnsFilteringProfileUpdate(id: "${id}", ${change})`)).toMatchObject(refused(message));
    expect(await api.store.auditHead(api.organization.id)).toEqual(before);
  });

  test('the posture of a device is what its client and the connected products say', async () => {
    const { laptop, tagged } = seeded.devices;
    const org = api.organization.id;
    await api.store.write(
      { orgs: [org], by: { kind: 'system', id: '', name: 'test' }, origin: 'system' },
      async (tx) => {
        const fact = { org, device: laptop?.id ?? 0, source: 'falcon', updatedAt: tx.now };
        await tx.put('deviceAttribute', {
          ...fact,
          keyLower: 'falcon:ztascore',
          key: 'falcon:ztaScore',
          value: 80,
          expiresAt: tx.now + 60_000,
        });
        tx.audit(org, { verb: 'update', objectKind: 'device', objectId: fact.device, objectName: 'laptop' });
      },
    );
    const READ = `query($id: ID!) { devicePosture(id: $id) { osVersion { isSatisfied version } firewall { isSatisfied detected } manualVerification { isVerified value }
      crowdstrike { isVerified failureReason expiredAt } inTune { isVerified } } }`;
    const { data } = await gql(READ, { id: gid('Device', laptop?.id ?? 0) });
    expect(data.devicePosture).toEqual({
      osVersion: { isSatisfied: null, version: expect.toBeOneOf([null, expect.any(String)]) },
      firewall: null,
      manualVerification: { isVerified: true, value: 'SN-1' },
      crowdstrike: {
        isVerified: true,
        failureReason: null,
        expiredAt: new Date(api.clock.now() + 60_000).toISOString(),
      },
      inTune: null,
    });
    for (const id of [gid('Device', tagged?.id ?? 0), gid('User', 1), 'x']) {
      expect((await gql(READ, { id })).data).toEqual({ devicePosture: null });
    }
  });

  test('the address for cloud storage is that of the tenant', async () => {
    const { data } = await gql('{ eventsSyncOidcProviderUrl }');
    expect(data.eventsSyncOidcProviderUrl).toMatch(/^https:\/\/[^/]+\/oidc\/v2$/u);
  });
});
