// What a device tells only when it is asked: the services that it serves, its serial numbers.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Netmap, peerNamed, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import { insertPolicy } from '../support/seeds.ts';

const SOON_MS = 5_000;
const VIP = '100.99.0.10';
const VIP6 = 'fd7a:115c:a1e0:ab12:4843:cd96:6263:a';
const SERVICE = 900_001;

const carries =
  (name: string, address: string) =>
  (map: Netmap): boolean =>
    peerNamed(map, name)?.AllowedIPs?.includes(address) ?? false;

describe.each(ENGINES)('questions to devices on %s', (engine) => {
  let server: ControlServer;
  const org = (): number => server.organization.id;
  const serving = {
    '/vip-services': { VIPServices: [{ Name: 'svc:web', Active: true }], ServicesHash: 'h1' },
  };

  const makeService = (): Promise<void> =>
    server.write(async (tx) => {
      await tx.insert('service', {
        org: org(),
        id: SERVICE,
        name: 'svc:web',
        displayName: 'The web',
        ports: ['tcp:80'],
        tags: ['tag:web'],
        comment: '',
        annotations: {},
        createdAt: tx.now,
        updatedAt: tx.now,
      });
      for (const [ip, family] of [
        [VIP, 4],
        [VIP6, 6],
      ] as const)
        await tx.insert('address', {
          org: org(),
          ip,
          family,
          holderKind: 'service',
          holder: SERVICE,
          claim: ip,
        });
      tx.audit(org(), { verb: 'create', objectKind: 'service', objectId: SERVICE, objectName: 'svc:web' });
    });
  const savePolicy = (text: string): Promise<void> => server.write((tx) => insertPolicy(tx, org(), text));
  const host = (name: string): Promise<TestDevice> =>
    server.joined(name, { answers: serving, hostinfo: { ServicesHash: 'h1' } });
  const hosts = () => server.store.find('serviceHost', org(), { service: SERVICE });
  const approve = (device: number): Promise<void> =>
    server.write(async (tx) => {
      await tx.update('serviceHost', org(), { service: SERVICE, device }, { approval: 'approved:manual' });
      tx.audit(org(), { verb: 'approve', objectKind: 'service', objectId: SERVICE, objectName: 'svc:web' });
    });

  beforeEach(async () => {
    server = await startControlServer(engine);
    await makeService();
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  it('a device that serves is listed, and carries nothing until it is approved', async () => {
    const alpha = await server.joined('alpha');
    const beta = await host('beta');
    await expect.poll(hosts, { timeout: SOON_MS }).toHaveLength(1);
    expect((await hosts())[0]).toMatchObject({ approval: 'not-approved', advertised: true });
    await alpha.waitFor((map) => peerNamed(map, 'beta') !== undefined, SOON_MS);
    expect(carries('beta', `${VIP}/32`)(alpha.netmap())).toBe(false);
    expect(beta.netmap().self?.CapMap).not.toHaveProperty('service-host');

    await approve((await server.row(beta)).id);
    await alpha.waitFor(carries('beta', `${VIP}/32`), SOON_MS, 'the address of the service at alpha');
    expect(carries('beta', `${VIP6}/128`)(alpha.netmap())).toBe(true);
    await beta.waitFor(
      ({ self }) => self?.CapMap?.['service-host'] !== undefined,
      SOON_MS,
      'the addresses to listen on',
    );
    expect(beta.netmap().self?.CapMap?.['service-host']).toEqual([{ 'svc:web': [VIP, VIP6] }]);
    await alpha.waitFor(
      ({ self }) => self?.CapMap?.['services/svc:web'] !== undefined,
      SOON_MS,
      'its details',
    );
    expect(alpha.netmap().self?.CapMap?.['services/svc:web']).toEqual([
      { Name: 'svc:web', DisplayName: 'The web', Addrs: [VIP, VIP6], Ports: ['tcp:80'] },
    ]);
  });

  it('a service has a name like a device', async () => {
    const alpha = await server.joined('alpha');
    expect(alpha.netmap().dns?.ExtraRecords).toEqual([
      { Name: 'web.acme.holdfast.internal', Value: VIP },
      { Name: 'web.acme.holdfast.internal', Value: VIP6 },
    ]);
  });

  it('the policy approves by itself, and a second host takes over when the first is gone', async () => {
    await savePolicy(
      '{"grants": [{"src": ["*"], "dst": ["svc:web"], "ip": ["*"]}, {"src": ["autogroup:member"], "dst": ["autogroup:member"], "ip": ["*"]}], "autoApprovers": {"services": {"svc:web": ["autogroup:member"]}}}',
    );
    const alpha = await server.joined('alpha');
    const beta = await host('beta');
    await alpha.waitFor(carries('beta', `${VIP}/32`), SOON_MS, 'the service at beta');
    await host('gamma');
    await expect.poll(hosts, { timeout: SOON_MS }).toHaveLength(2);
    expect((await hosts()).map(({ approval }) => approval)).toEqual(['approved:auto', 'approved:auto']);
    expect(carries('gamma', `${VIP}/32`)(alpha.netmap())).toBe(false);
    beta.drop();
    await alpha.waitFor(carries('gamma', `${VIP}/32`), SOON_MS, 'the service at gamma');
    expect(carries('beta', `${VIP}/32`)(alpha.netmap())).toBe(false);
  });

  it('a device that serves no longer carries nothing', async () => {
    const alpha = await server.joined('alpha');
    const beta = await host('beta');
    await expect.poll(hosts, { timeout: SOON_MS }).toHaveLength(1);
    await approve((await server.row(beta)).id);
    await alpha.waitFor(carries('beta', `${VIP}/32`), SOON_MS);
    await beta.update({ hostinfo: { ServicesHash: '' } });
    await alpha.waitFor((map) => !carries('beta', `${VIP}/32`)(map), SOON_MS, 'the service gone');
    await expect
      .poll(hosts, { timeout: SOON_MS })
      .toMatchObject([{ advertised: false, approval: 'approved:manual' }]);
  });

  it('serial numbers are asked for where the organization collects them, and nowhere else', async () => {
    const answers = { '/posture/identity': { SerialNumbers: ['SN-2', 'SN-1'] } };
    const beta = await server.joined('beta', { answers });
    const row = await server.row(beta);
    expect(row.serials).toEqual([]);
    await server.write(async (tx) => {
      await tx.put('setting', {
        org: org(),
        name: 'posture_identity_collection',
        value: true,
        updatedAt: tx.now,
      });
      tx.audit(org(), { verb: 'update', objectKind: 'setting', objectId: 0, objectName: 'posture' });
    });
    await expect
      .poll(async () => (await server.row(beta)).serials, { timeout: SOON_MS })
      .toEqual(['SN-1', 'SN-2']);
  });

  it('a device that cannot answer, or answers with nonsense, keeps its place', async () => {
    const silent = await server.joined('silent', { hostinfo: { ServicesHash: 'h1' } });
    const odd = await server.joined('odd', {
      hostinfo: { ServicesHash: 'h1' },
      answers: { '/vip-services': { VIPServices: 'many' } },
    });
    await silent.waitFor((map) => peerNamed(map, 'odd')?.Online === true, SOON_MS);
    expect(odd.isStreaming()).toBe(true);
    expect(await hosts()).toEqual([]);
  });

  it('an answer of another machine, or to no question, is not taken', async () => {
    const alpha = await server.joined('alpha');
    const answer = await alpha.send('POST', `/machine/c2n/${'0'.repeat(32)}`, 'HTTP/1.1 200 OK\r\n\r\n{}');
    expect(answer.status).toBe(404);
  });
});
