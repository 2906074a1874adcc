// Certificates for the names of devices: what a device is told, and what it may publish to prove that a name is its own.
import { Resolver } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDevice } from '../../src/domain/devices/device-removal.ts';
import type { Netmap, TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const SOON_MS = 5_000;
const DOMAIN = 'ts.example.net';
const NAME = `_acme-challenge.web.acme.${DOMAIN}`;
const FUNNEL = {
  tagOwners: {},
  grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
  nodeAttrs: [{ target: ['*'], attr: ['funnel', 'magicdns-aaaa'] }],
};

/** What is named in the answer, what is wrong, and the status. */
const REFUSED: readonly (readonly [string, Readonly<Record<string, unknown>>, number])[] = [
  ['Type', { Type: 'A' }, 400],
  ['Type', { Type: 'CNAME' }, 400],
  ['Type', { Type: '' }, 400],
  ['Value', { Value: '' }, 400],
  ['Value', { Value: 'v=spf1 +all' }, 400],
  ['Value', { Value: 'x'.repeat(44) }, 400],
  ['Value', { Value: 'x'.repeat(4_000) }, 400],
  ['Value', { Value: 7 }, 400],
  ['Name', { Name: 7 }, 400],
  ['Name', { Name: 'x'.repeat(300) }, 400],
  ['Name', { Name: '' }, 403],
  ['Name', { Name: DOMAIN }, 403],
  ['Name', { Name: `web.acme.${DOMAIN}` }, 403],
  ['Name', { Name: `_acme-challenge.acme.${DOMAIN}` }, 403],
  ['Name', { Name: `_acme-challenge.other.acme.${DOMAIN}` }, 403],
  ['Name', { Name: `_acme-challenge.web.rival.${DOMAIN}` }, 403],
  ['Name', { Name: `x.${NAME}` }, 403],
  ['Name', { Name: `${NAME}.example.com` }, 403],
  ['NodeKey', { NodeKey: 'nodekey:1' }, 400],
];

/** A digest as challenges have it, another for each number. */
const digest = (number: number): string => String(number).padStart(43, 'x');
const domainsOf = ({ dns }: Netmap): readonly string[] | undefined => dns?.CertDomains;
const servesHttps = ({ self }: Netmap): boolean => Object.hasOwn(self?.CapMap ?? {}, 'https');

describe.each(ENGINES)('certificates for device names on %s', (engine) => {
  let server: ControlServer;
  let web: TestDevice;
  let resolver: Resolver;
  const org = (): number => server.organization.id;

  const enable = (value: boolean): Promise<void> =>
    server.write((tx) => tx.put('setting', { org: org(), name: 'https_enabled', value, updatedAt: tx.now }));
  const enabled = async (): Promise<void> => {
    await enable(true);
    await web.waitFor(servesHttps, SOON_MS, 'the capability');
  };
  const set = async (value: string, more: Readonly<Record<string, unknown>> = {}, by = web) => {
    const request = { Version: 1, NodeKey: by.nodeKey(), Name: NAME, Type: 'TXT', Value: value, ...more };
    const { status, body } = await by.send('POST', '/machine/set-dns', request);
    return { status, text: body.toString('utf8') };
  };
  const resolved = async (name = NAME): Promise<readonly string[]> =>
    (await resolver.resolveTxt(name).catch(() => [])).flat();
  const asked = async (feature: string): Promise<unknown> => {
    const { body } = await web.send('POST', '/machine/feature/query', {
      NodeKey: web.nodeKey(),
      Feature: feature,
    });
    return JSON.parse(body.toString('utf8'));
  };

  beforeEach(async () => {
    server = await startControlServer(engine, { publicDomain: DOMAIN });
    web = await server.joined('web');
    resolver = new Resolver({ timeout: SOON_MS, tries: 1 });
    resolver.setServers([`127.0.0.1:${server.dnsPort}`]);
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  it('are offered while the setting is on, and follow it', async () => {
    expect(web.netmap().self?.Name).toBe(`web.acme.${DOMAIN}.`);
    expect(domainsOf(web.netmap())).toBeUndefined();
    expect(servesHttps(web.netmap())).toBe(false);
    await enabled();
    await web.waitFor((map) => domainsOf(map) !== undefined, SOON_MS, 'the name');
    expect(domainsOf(web.netmap())).toEqual([`web.acme.${DOMAIN}`]);
    const late = await server.joined('late');
    expect(domainsOf(late.netmap())).toEqual([`late.acme.${DOMAIN}`]);
    expect(servesHttps(late.netmap())).toBe(true);
    await enable(false);
    await web.waitFor((map) => domainsOf(map) === undefined && !servesHttps(map), SOON_MS, 'the end');
  });

  it('follow the name of the device', async () => {
    await enabled();
    const { id } = await server.row(web);
    await server.write(async (tx) => {
      await tx.update('device', org(), id, { label: 'shop', givenName: 'shop' });
    });
    await web.waitFor((map) => domainsOf(map)?.[0] === `shop.acme.${DOMAIN}`, SOON_MS, 'the new name');
    expect((await set(digest(1))).status).toBe(403);
    expect((await set(digest(1), { Name: `_acme-challenge.shop.acme.${DOMAIN}` })).status).toBe(200);
  });

  it('are offered for the services that a device serves, whose hosts publish beside each other', async () => {
    await enabled();
    const shop = `shop.acme.${DOMAIN}`;
    const ofShop = { Name: `_acme-challenge.${shop}` };
    const SERVICE = 900;
    await server.write(async (tx) => {
      await tx.insert('service', {
        ...{ org: org(), id: SERVICE, name: 'svc:shop', displayName: '', comment: '', annotations: {} },
        ...{ ports: ['tcp:443'], tags: [], createdAt: tx.now, updatedAt: tx.now },
        ...{ byKind: 'system', byId: '', byName: 'test' },
      });
    });
    const serving = {
      answers: { '/vip-services': { VIPServices: [{ Name: 'svc:shop', Active: true }] } },
      hostinfo: { ServicesHash: 'h1' },
    };
    const one = await server.joined('one', serving);
    const two = await server.joined('two', serving);
    const hosts = () => server.store.find('serviceHost', org(), { service: SERVICE, advertised: true });
    await expect.poll(async () => (await hosts()).length, { timeout: SOON_MS }).toBe(2);
    expect((await set(digest(1), ofShop, one)).status).toBe(403);
    await server.write(async (tx) => {
      for (const host of await tx.find('serviceHost', org(), { service: SERVICE }))
        await tx.put('serviceHost', { ...host, approval: 'approved:manual' });
    });
    for (const device of [one, two])
      await device.waitFor((map) => domainsOf(map)?.includes(shop) === true, SOON_MS, 'the service');
    expect(domainsOf(one.netmap())).toEqual([`one.acme.${DOMAIN}`, shop]);
    expect(domainsOf(web.netmap())).toEqual([`web.acme.${DOMAIN}`]);
    expect((await set(digest(0), ofShop)).status).toBe(403);
    const ofOne = { Name: `_acme-challenge.one.acme.${DOMAIN}` };
    expect((await set(digest(1), ofShop, one)).status).toBe(200);
    expect((await set(digest(2), ofShop, two)).status).toBe(200);
    expect((await set(digest(3), ofOne, one)).status).toBe(200);
    expect(await resolved(ofShop.Name)).toEqual([digest(1), digest(2)]);
    expect(await resolved(ofOne.Name)).toEqual([digest(3)]);
    const ofTwo = { Name: `_acme-challenge.two.acme.${DOMAIN}` };
    expect((await set(digest(5), ofTwo, two)).status).toBe(200);
    // What was published for a name that is the device's no more ends with what it publishes next.
    await two.update({ hostinfo: { ServicesHash: '' } });
    await two.waitFor((map) => domainsOf(map)?.includes(shop) === false, SOON_MS, 'the end');
    expect((await set(digest(4), ofShop, two)).status).toBe(403);
    expect(await set(digest(5), ofTwo, two)).toEqual({ status: 200, text: '{}' });
    expect(await resolved(ofShop.Name)).toEqual([]);
    await server.write(async (tx) => removeDevice(tx, await server.row(one)));
    const left = await server.store.find('certChallenge', org(), {});
    expect(left.map(({ name }) => name)).toEqual([`_acme-challenge.two.acme.${DOMAIN}`]);
  });

  it('end with the names themselves', async () => {
    await enabled();
    const [dns] = await server.store.find('dnsConfig', org(), {});
    await server.write(async (tx) => {
      await tx.update('dnsConfig', org(), dns?.id ?? 0, { magicDns: false });
    });
    await web.waitFor((map) => domainsOf(map) === undefined && !servesHttps(map), SOON_MS, 'the end');
    expect(await set(digest(1))).toMatchObject({ status: 403, text: expect.stringContaining('MagicDNS') });
  });

  it('are proven by what the device publishes: the DNS has it when the device hears yes', async () => {
    await enabled();
    expect(await set(digest(1))).toEqual({ status: 200, text: '{}' });
    expect(await resolved()).toEqual([digest(1)]);
    // As for a certificate of all names under it, which needs two; capitals and a last dot are the same name.
    expect((await set(digest(2), { Name: `_ACME-Challenge.Web.acme.${DOMAIN}.` })).status).toBe(200);
    expect((await resolved()).toSorted()).toEqual([digest(1), digest(2)]);
    expect((await set(digest(2))).status).toBe(200);
    expect(await resolved()).toHaveLength(2);
    const events = await server.store.auditEvents(org(), { afterSeq: 0, limit: 1_000 });
    const told = events.filter(({ field }) => field === 'certificateChallenge');
    expect(told).toHaveLength(2);
    expect(told[0]).toMatchObject({ byKind: 'device', objectName: 'web', details: NAME });
  });

  it('leave the newest few values, and only so many in a while', async () => {
    await enabled();
    for (let number = 1; number <= 12; number += 1) expect((await set(digest(number))).status).toBe(200);
    expect((await resolved()).toSorted()).toEqual([9, 10, 11, 12].map(digest).toSorted());
    expect(await set(digest(13))).toMatchObject({ status: 429 });
    // The same once more is nothing new.
    expect((await set(digest(12))).status).toBe(200);
    expect(await resolved()).not.toContain(digest(13));
  });

  it('a request is refused in words that name what is wrong, and leaves nothing behind', async () => {
    await enabled();
    await server.joined('other');
    for (const [field, more, status] of REFUSED) {
      const answer = await set(digest(1), more);
      expect([more, answer.status, answer.text]).toEqual([more, status, expect.stringContaining(field)]);
    }
    expect(await server.store.find('certChallenge', org(), {})).toEqual([]);
  });

  it('are of no other device and no other tenant, in either direction', async () => {
    await enabled();
    const rival = await server.tenant('rival');
    const stranger = await rival.joined('web');
    await rival.write((tx) =>
      tx.put('setting', {
        org: rival.organization.id,
        name: 'https_enabled',
        value: true,
        updatedAt: tx.now,
      }),
    );
    await stranger.waitFor(servesHttps, SOON_MS, 'the capability');
    const theirs = `_acme-challenge.web.rival.${DOMAIN}`;
    expect((await set(digest(1), {}, stranger)).status).toBe(403);
    expect((await set(digest(2), { NodeKey: web.nodeKey() }, stranger)).status).toBe(404);
    expect((await set(digest(3), { NodeKey: stranger.nodeKey(), Name: theirs })).status).toBe(404);
    expect(await resolved()).toEqual([]);
    expect((await set(digest(4), { Name: theirs }, stranger)).status).toBe(200);
    expect((await set(digest(5))).status).toBe(200);
    expect(await resolved(theirs)).toEqual([digest(4)]);
    expect(await resolved()).toEqual([digest(5)]);
  });

  it.each([
    ['whose key has expired', { keyExpiresAt: 1_000, expiryDisabled: false }],
    ['that is not approved', { authorizedAt: null }],
    ['that is blocked', { blockedAt: 1_000 }],
    ['that is archived', { archivedAt: 1_000 }],
  ])('are not for a device %s', async (_, patch) => {
    await enabled();
    const { id } = await server.row(web);
    await server.write(async (tx) => {
      await tx.update('device', org(), id, patch);
    });
    expect((await set(digest(1))).status).toBe(403);
    expect(await resolved()).toEqual([]);
  });

  it('are not for the device of a suspended member', async () => {
    await enabled();
    await server.write(async (tx) => {
      await tx.update('membership', org(), server.owner.id, { suspendedAt: tx.now });
    });
    expect((await set(digest(1))).status).toBe(403);
  });

  it('end with the device, and what it published as well; whoever gets its name begins anew', async () => {
    await enabled();
    expect((await set(digest(1))).status).toBe(200);
    const row = await server.row(web);
    await server.write((tx) => removeDevice(tx, row));
    expect(await resolved()).toEqual([]);
    const heir = await server.joined('web');
    expect((await set(digest(2), {}, heir)).status).toBe(200);
    expect(await resolved()).toEqual([digest(2)]);
  });

  it('go to the device that has the name now, when two change names', async () => {
    await enabled();
    const other = await server.joined('other');
    expect((await set(digest(1))).status).toBe(200);
    const [a, b] = [await server.row(web), await server.row(other)];
    await server.write(async (tx) => {
      await tx.update('device', org(), a.id, { label: 'former' });
      await tx.update('device', org(), b.id, { label: 'web' });
    });
    expect((await set(digest(2), {}, other)).status).toBe(200);
    expect(await resolved()).toEqual([digest(2)]);
  });

  it('are explained to whoever serves without them, and promised to nobody as publishing to the internet', async () => {
    expect(await asked('serve')).toMatchObject({
      Complete: false,
      Text: expect.stringContaining('httpsEnabled'),
    });
    await enabled();
    expect(await asked('serve')).toMatchObject({ Complete: true });
    expect(await asked('funnel')).toMatchObject({
      Complete: false,
      Text: expect.stringContaining('not offered'),
    });
    await server.write(async (tx) => {
      const [policy] = await tx.list('policyVersion', org(), { limit: 1 });
      if (policy === undefined) throw new Error('an organization has a policy from the start');
      await tx.insert('policyVersion', {
        ...{ ...policy, id: tx.newId() },
        ...{ version: policy.version + 1, text: JSON.stringify(FUNNEL) },
      });
    });
    const hasAttribute = ({ self }: Netmap): boolean => Object.hasOwn(self?.CapMap ?? {}, 'magicdns-aaaa');
    await web.waitFor(hasAttribute, SOON_MS, 'the other attribute');
    const capabilities = Object.keys(web.netmap().self?.CapMap ?? {});
    expect(capabilities.filter((name) => name.includes('funnel'))).toEqual([]);
    expect(capabilities).toContain('https');
  });
});

describe.each(ENGINES)('without a way to publish, on %s', (engine) => {
  it('no certificates are offered, and the device is told who can change that', async () => {
    const server = await startControlServer(engine);
    try {
      await server.write((tx) =>
        tx.put('setting', {
          org: server.organization.id,
          name: 'https_enabled',
          value: true,
          updatedAt: tx.now,
        }),
      );
      const web = await server.joined('web');
      expect(domainsOf(web.netmap())).toBeUndefined();
      expect(servesHttps(web.netmap())).toBe(false);
      const { status, body } = await web.send('POST', '/machine/set-dns', {
        ...{ NodeKey: web.nodeKey(), Name: '_acme-challenge.web.acme.holdfast.internal' },
        ...{ Type: 'TXT', Value: digest(1) },
      });
      expect(status).toBe(403);
      expect(body.toString('utf8')).toContain('docs/certificates.md');
      expect(server.failures).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
