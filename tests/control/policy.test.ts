// A policy that is saved, and what live devices are told of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Netmap, packetFilter, peerNamed } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { insertPolicy } from '../support/seeds.ts';

const SOON_MS = 5_000;
const names = (map: Netmap): string[] =>
  [...map.peers.values()].map((peer) => peer.Name.split('.')[0] ?? '').sort();

describe('a policy that is saved', () => {
  let server: ControlServer;
  beforeEach(async () => {
    server = await startControlServer('sqlite');
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const save = (policy: object): Promise<void> =>
    server.write((tx) => insertPolicy(tx, server.organization.id, policy));
  const tagged = (hostname: string, tag: string, hostinfo = {}) =>
    server
      .authKey({ tags: [tag], reusable: true })
      .then((authKey) => server.joined(hostname, { authKey, hostinfo }));

  it('shows each device only what it may reach or be reached by, and opens the named port alone', async () => {
    const laptop = await server.joined('laptop');
    const web = await tagged('web', 'tag:web');
    const database = await tagged('database', 'tag:db');
    await laptop.waitFor((map) => names(map).join() === 'database,web', SOON_MS);
    await save({
      tagOwners: { 'tag:web': [], 'tag:db': [] },
      grants: [
        { src: ['ada@acme.test'], dst: ['tag:web'], ip: ['tcp:443'] },
        { src: ['tag:web'], dst: ['tag:db'], ip: ['tcp:5432'] },
      ],
    });
    await laptop.waitFor((map) => names(map).join() === 'web', SOON_MS, 'only web at the laptop');
    await web.waitFor((map) => names(map).join() === 'database,laptop', SOON_MS);
    await database.waitFor((map) => names(map).join() === 'web', SOON_MS);
    expect(packetFilter(laptop.netmap())).toEqual([]);
    const laptopIps = laptop
      .netmap()
      .self?.Addresses.map((prefix) => prefix.split('/')[0])
      .sort();
    const [rule, ...others] = packetFilter(web.netmap()) ?? [];
    expect(others).toEqual([]);
    expect([...(rule?.SrcIPs ?? [])].sort()).toEqual(laptopIps);
    expect(new Set(rule?.DstPorts?.map(({ Ports }) => `${Ports.First}-${Ports.Last}`))).toEqual(
      new Set(['443-443']),
    );
  });

  it('gives everything back when it allows all again, and tells nobody who sees no difference', async () => {
    const a = await tagged('a', 'tag:a');
    const b = await tagged('b', 'tag:b');
    await a.waitFor((map) => names(map).join() === 'b', SOON_MS);
    await save({ tagOwners: { 'tag:a': [], 'tag:b': [] }, grants: [] });
    await a.waitFor((map) => map.peers.size === 0, SOON_MS);
    await b.waitFor((map) => map.peers.size === 0 && packetFilter(map)?.length === 0, SOON_MS);
    const count = a.counters.messages;
    await save({ tagOwners: { 'tag:a': [], 'tag:b': [] }, grants: [], hosts: { printer: '10.0.0.9' } });
    await save({ tagOwners: { 'tag:a': [], 'tag:b': [] } });
    await a.waitFor((map) => names(map).join() === 'b' && packetFilter(map)?.length === 1, SOON_MS);
    await b.waitFor((map) => names(map).join() === 'a', SOON_MS);
    expect(a.counters.messages - count).toBeLessThanOrEqual(2);
  });

  it('passes the numbers of capabilities on as they are written', async () => {
    const a = await tagged('a', 'tag:a');
    // A number that JavaScript reads and can't write.
    const app = { 'a.test/cap/x': [{ limit: JSON.rawJSON('1e400') }] };
    await save({
      tagOwners: { 'tag:a': [] },
      grants: [{ src: ['*'], dst: ['tag:a'], app }],
      nodeAttrs: [{ target: ['*'], app }],
    });
    const read = [{ limit: Number.POSITIVE_INFINITY }];
    await a.waitFor((map) => map.self?.CapMap?.['a.test/cap/x'] !== undefined, SOON_MS);
    expect(a.netmap().self?.CapMap?.['a.test/cap/x']).toEqual(read);
    const granted = packetFilter(a.netmap())?.flatMap(({ CapGrant = [] }) => CapGrant);
    expect(granted?.map(({ CapMap }) => CapMap)).toEqual([{ 'a.test/cap/x': read }]);
    const later = await tagged('later', 'tag:a');
    expect(later.netmap().self?.CapMap?.['a.test/cap/x']).toEqual(read);
  });

  it('brings relays to whoever is connected, and takes them away again', async () => {
    const device = await server.joined('laptop');
    const relays = (map: Netmap): string => Object.keys(map.derpMap?.Regions ?? {}).join();
    const nodes = [{ name: '900a', regionID: 900, hostName: 'relay.acme.test' }];
    const region = { regionID: 900, regionCode: 'a', regionName: 'A', nodes };
    expect(relays(device.netmap())).toBe('');
    await save({ derpMap: { regions: { 900: region } } });
    await device.waitFor((map) => relays(map) === '900', SOON_MS);
    expect(device.netmap().derpMap?.Regions?.['900']?.Nodes[0]?.HostName).toBe('relay.acme.test');
    const later = await server.joined('later');
    expect(relays(later.netmap())).toBe('900');
    await save({});
    await device.waitFor((map) => relays(map) === '', SOON_MS);
    await later.waitFor((map) => relays(map) === '', SOON_MS);
  });

  it('shows a new device at once to those the policy says, and to no others', async () => {
    await save({
      tagOwners: { 'tag:web': [], 'tag:db': [] },
      grants: [{ src: ['tag:web'], dst: ['tag:db'], ip: ['*'] }],
    });
    const web = await tagged('web', 'tag:web');
    const other = await tagged('other', 'tag:web');
    const database = await tagged('database', 'tag:db');
    await web.waitFor((map) => names(map).join() === 'database', SOON_MS);
    await other.waitFor((map) => names(map).join() === 'database', SOON_MS);
    expect(names(database.netmap())).toEqual(['other', 'web']);
  });

  it('moves a device to another standing when its tags change', async () => {
    await save({
      tagOwners: { 'tag:web': [], 'tag:db': [], 'tag:idle': [] },
      grants: [{ src: ['tag:web'], dst: ['tag:db'], ip: ['*'] }],
    });
    const mover = await tagged('mover', 'tag:idle');
    const database = await tagged('database', 'tag:db');
    expect(names(mover.netmap())).toEqual([]);
    const { org, id } = await server.row(mover);
    await server.write(async (tx) => {
      await tx.remove('deviceTag', org, { device: id, tag: 'tag:idle' });
      await tx.insert('deviceTag', { org, device: id, tag: 'tag:web', source: 'admin' });
    });
    await mover.waitFor((map) => names(map).join() === 'database', SOON_MS);
    await database.waitFor((map) => names(map).join() === 'mover', SOON_MS);
    expect(mover.netmap().self?.Tags).toEqual(['tag:web']);
    expect(peerNamed(database.netmap(), 'mover')?.Tags).toEqual(['tag:web']);
  });

  it('approves routes and lets owners put tags on their devices', async () => {
    await save({
      tagOwners: { 'tag:router': ['ada@acme.test'], 'tag:foreign': ['bob@acme.test'] },
      autoApprovers: { routes: { '10.0.0.0/8': ['tag:router'] }, exitNode: [] },
      grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
    });
    const laptop = await server.joined('laptop');
    const router = await server.joined('router', {
      authKey: await server.authKey(),
      hostinfo: { RequestTags: ['tag:router'], RoutableIPs: ['10.7.0.0/16', '192.168.0.0/24'] },
    });
    await laptop.waitFor(
      (map) => peerNamed(map, 'router')?.AllowedIPs?.includes('10.7.0.0/16') === true,
      SOON_MS,
    );
    expect(peerNamed(laptop.netmap(), 'router')?.AllowedIPs).not.toContain('192.168.0.0/24');
    expect(router.netmap().self?.Tags).toEqual(['tag:router']);
    expect(await server.row(router)).toMatchObject({
      ...{ ownerKind: 'tags', expiryDisabled: true, keyExpiresAt: expect.any(Number) },
    });
    expect(router.netmap().self?.KeyExpiry).toBeUndefined();
  });

  it('lets no router carry what lies among the addresses of devices, whoever approved it', async () => {
    await save({
      tagOwners: { 'tag:router': ['ada@acme.test'] },
      autoApprovers: { routes: { '100.64.0.0/10': ['tag:router'], '10.0.0.0/8': ['tag:router'] } },
      grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
    });
    const laptop = await server.joined('laptop');
    const victim = await server.joined('victim');
    const [address = ''] = (victim.netmap().self?.Addresses ?? []).filter((text) => text.startsWith('100.'));
    const router = await server.joined('router', {
      authKey: await server.authKey(),
      hostinfo: { RequestTags: ['tag:router'], RoutableIPs: [address, '100.64.0.0/12', '10.7.0.0/16'] },
    });
    const { org, id } = await server.row(router);
    const routes = await server.store.find('route', org, { device: id });
    expect(routes.filter(({ auto }) => auto).map(({ prefix }) => prefix)).toEqual(['10.7.0.0/16']);
    await server.write(async (tx) => {
      await tx.update('route', org, { device: id, prefix: address }, { manualAt: tx.now, manualBy: 0 });
    });
    await laptop.waitFor(
      (map) => peerNamed(map, 'router')?.AllowedIPs?.includes('10.7.0.0/16') === true,
      SOON_MS,
    );
    const carried = peerNamed(laptop.netmap(), 'router');
    expect(carried?.AllowedIPs?.toSorted()).toEqual(
      [...(carried?.Addresses ?? []), '10.7.0.0/16'].toSorted(),
    );
  });

  it('tells a device at once of the role of its owner', async () => {
    const device = await server.joined('laptop');
    const isAdmin = (map: Netmap): boolean =>
      Object.hasOwn(map.self?.CapMap ?? {}, 'https://tailscale.com/cap/is-admin');
    expect(isAdmin(device.netmap())).toBe(true);
    const { org, owner } = await server.row(device);
    const become = (role: 'member' | 'admin') =>
      server.write(async (tx) => void (await tx.update('membership', org, owner, { role })));
    await become('member');
    await device.waitFor((map) => !isAdmin(map), SOON_MS);
    await become('admin');
    await device.waitFor(isAdmin, SOON_MS);
  });

  it('closes everything when a stored file cannot be read', async () => {
    const a = await server.joined('a');
    await server.joined('b');
    await a.waitFor((map) => map.peers.size === 1, SOON_MS);
    await save({ grants: [{ src: 7 }] });
    await a.waitFor((map) => map.peers.size === 0 && packetFilter(map)?.length === 0, SOON_MS);
    expect(server.failures).toHaveLength(1);
    (server.failures as unknown[]).length = 0;
  });

  describe('with pools of addresses', () => {
    const pools = {
      tagOwners: { 'tag:web': [], 'tag:db': [], 'tag:full': [] },
      nodeAttrs: [
        { target: ['tag:web'], ipPool: ['100.80.0.0/30', '100.81.0.8/31'] },
        { target: ['tag:full'], ipPool: ['100.82.0.1/32'] },
        { target: ['ada@acme.test', 'tag:web'], ipPool: ['100.90.0.0/16'] },
      ],
    };
    const ipv4 = (map: Netmap): string => map.self?.Addresses[0]?.replace('/32', '') ?? '';

    it('gives a new device an address of the first pool that means it, and any other device one of all', async () => {
      await save(pools);
      const web: string[] = [];
      for (const name of ['w1', 'w2', 'w3', 'w4', 'w5', 'w6'])
        web.push(ipv4((await tagged(name, 'tag:web')).netmap()));
      expect(web.sort()).toEqual([
        '100.80.0.0',
        '100.80.0.1',
        '100.80.0.2',
        '100.80.0.3',
        '100.81.0.8',
        '100.81.0.9',
      ]);
      expect(ipv4((await server.joined('laptop')).netmap())).toMatch(/^100\.90\./);
      // Any address will do, one of a pool as well.
      expect(ipv4((await tagged('db', 'tag:db')).netmap())).toMatch(
        /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-6])\./,
      );
    });

    it('refuses a device when its pool is full, and says so to the person at it', async () => {
      await save(pools);
      await tagged('first', 'tag:full');
      const authKey = await server.authKey({ tags: ['tag:full'], reusable: true });
      const second = server.device({ hostname: 'second', authKey });
      expect((await second.register()).Error).toBe('no address is free in the pool 100.82.0.1/32');
      expect(await server.store.find('device', server.organization.id, { label: 'second' })).toEqual([]);
    });
  });
});
