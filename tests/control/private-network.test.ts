// Networks behind gateways as devices are told of them: what a gateway serves, whose routes and names those are, and what
// closes them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/access/actor.ts';
import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import type { Resource } from '../../src/domain/model/networks.ts';
import { createAccessService } from '../../src/domain/networks/access-service.ts';
import { createGatewayService } from '../../src/domain/networks/gateway-service.ts';
import { managedRoutes } from '../../src/domain/networks/managed-routes.ts';
import { OPEN_PROTOCOLS } from '../../src/domain/networks/resource-rules.ts';
import { createServiceAccountService } from '../../src/domain/service-accounts/service-account-service.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { type Netmap, packetFilter, peerNamed, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  seed,
} from '../support/seeds.ts';

const SOON_MS = 5_000;
const PEERAPI = { Proto: 'peerapi4', Port: 35_001 } as const;

describe('a private network', () => {
  let server: ControlServer;
  let org = 0;
  let admin: Actor;
  let group = 0;
  /** Filled as it is asked: name to addresses, as the connector's client has resolved them. */
  const resolved: Record<string, string[]> = {};

  beforeEach(async () => {
    server = await startControlServer('sqlite');
    org = server.organization.id;
    admin = { kind: 'system', org, name: 'test', permissions: permissionsOfRole('owner') };
    group = await seed(server.store, org, async (tx) => {
      const made = await insertGroup(tx, org, { name: 'Operators' });
      await addToGroup(tx, org, made.id, [server.owner.id]);
      return made.id;
    });
    for (const name of Object.keys(resolved)) delete resolved[name];
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  /** A network with one gateway, and its device. */
  const network = async (
    name: string,
    kind: 'regular' | 'exit' = 'regular',
  ): Promise<{ id: number; gateway: number; device: TestDevice }> => {
    const made = await seed(server.store, org, async (tx) => {
      const { id } = await insertNetwork(tx, org, { name, kind });
      return { id, gateway: (await insertGateway(tx, org, { network: id, name: `${name} 1` })).id };
    });
    const gateways = createGatewayService({ store: server.store, random: systemRandom });
    const { accessToken } = await gateways.generateTokens(admin, made.gateway, 'system');
    const device = await server.joined(`${name}-connector`, {
      authKey: accessToken,
      hostinfo: { AppConnector: true, Services: [PEERAPI] },
      answers: { '/appconnector/routes': { Domains: resolved } },
    });
    return { ...made, device };
  };
  const resource = (of: number, addressText: string, patch: Partial<Resource> = {}): Promise<number> =>
    seed(server.store, org, async (tx) => {
      const isName = /[a-z*]/u.test(addressText);
      const { id } = await insertResource(tx, org, {
        network: of,
        name: addressText,
        addressText,
        addressKind: isName ? 'dns' : addressText.includes('/') ? 'cidr' : 'ip',
        lowAddress: isName ? null : (addressText.split('/')[0] ?? null),
        highAddress: null,
        protocols: {
          allowIcmp: false,
          tcp: { policy: 'restricted', ports: [{ start: 5432, end: 5432 }] },
          udp: { policy: 'restricted', ports: [] },
        },
        ...patch,
      });
      return id;
    });
  const open = (id: number): Promise<unknown> =>
    createAccessService({ store: server.store }).grant(
      admin,
      id,
      [{ principal: { kind: 'group', id: group } }],
      { replace: false },
      'system',
    );
  const close = (id: number): Promise<unknown> =>
    createAccessService({ store: server.store }).revoke(admin, id, [{ kind: 'group', id: group }], 'system');
  const colleague = async (): Promise<TestDevice> => {
    const other = await seed(server.store, org, (tx) => insertMember(tx, org, { username: 'bob@acme.test' }));
    const key = await server.authKey({ reusable: true });
    await server.write(async (tx) => {
      const [last] = await tx.list('credential', org, {
        orderBy: [{ column: 'id', descending: true }],
        limit: 1,
      });
      await tx.update('credential', org, last?.id ?? 0, { owner: other.id });
    });
    return server.joined('phone', { authKey: key });
  };
  const routesOf = (map: Netmap, connector: string): string[] =>
    (peerNamed(map, connector)?.AllowedIPs ?? []).filter(
      (prefix) => !prefix.startsWith('100.') && !prefix.startsWith('fd7a:'),
    );
  const has = (connector: string, prefix: string) => (map: Netmap) =>
    routesOf(map, connector).includes(prefix);
  const lacks = (connector: string, prefix: string) => (map: Netmap) =>
    !routesOf(map, connector).includes(prefix);
  const namesOf = (map: Netmap): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(map.dns?.Routes ?? {}).filter(([suffix]) => !suffix.endsWith('holdfast.internal')),
    );

  it('lets no gateway carry the addresses of devices, though a row says so', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop', { authKey: await server.authKey() });
    const victim = await colleague();
    const [ofVictim = '', ofGateway = ''] = [victim, plant.device].map(
      (device) => device.netmap().self?.Addresses?.[0]?.replace(/\/\d+$/u, '') ?? '',
    );
    const wanted = [ofVictim, ofGateway, '100.96.0.0/12', 'fd7a:115c:a1e0::/64', '10.88.0.0/24'];
    for (const address of wanted) await open(await resource(plant.id, address));
    await laptop.waitFor(has('plant-connector', '10.88.0.0/24'), SOON_MS, 'the route');
    const connector = peerNamed(laptop.netmap(), 'plant-connector');
    expect(connector?.AllowedIPs).toEqual([...(connector?.Addresses ?? []), '10.88.0.0/24']);
    expect(connector?.PrimaryRoutes).toEqual(['10.88.0.0/24']);
    expect(plant.device.netmap().self?.AllowedIPs).toEqual(connector?.AllowedIPs);
    expect(JSON.stringify(plant.device.netmap().self?.CapMap)).not.toContain('100.96.0.0/12');
    const { id } = await server.row(plant.device);
    const managed = await managedRoutes(server.store, org, [id], Date.now());
    expect([...(managed.get(id)?.carried ?? [])]).toEqual(['10.88.0.0/24']);
    const opened = packetFilter(plant.device.netmap()).flatMap(({ DstPorts = [] }) => DstPorts);
    expect(opened).toEqual([{ IP: '10.88.0.0/24', Ports: { First: 5432, Last: 5432 } }]);
  });

  it('tells a gateway what to serve, under the tag of its network, and nothing once its tokens are old', async () => {
    const plant = await network('plant');
    await resource(plant.id, '10.88.0.0/24');
    await resource(plant.id, '*.plant.test');
    await resource(plant.id, '10.66.0.1', { active: false });
    await resource(plant.id, '10.66.0.2', { bypass: true });
    const serves = [
      {
        name: 'plant',
        connectors: ['tag:hf-net-plant'],
        domains: ['*.plant.test'],
        routes: ['10.88.0.0/24'],
      },
    ];
    const told = (map: Netmap): unknown => map.self?.CapMap?.['tailscale.com/app-connectors'];
    const map = await plant.device.waitFor(
      (now) => JSON.stringify(told(now)) === JSON.stringify(serves),
      SOON_MS,
    );
    expect(map.self?.Tags).toEqual(['tag:hf-net-plant']);
    expect(map.self?.CapMap).toHaveProperty('store-appc-routes');
    await createGatewayService({ store: server.store, random: systemRandom }).generateTokens(
      admin,
      plant.gateway,
      'system',
    );
    await plant.device.waitFor((now) => told(now) === undefined, SOON_MS, 'nothing to serve');
  });

  it('routes a name to the addresses that a gateway found for it, for those with access alone', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    const phone = await colleague();
    await open(await resource(plant.id, 'db.plant.test'));
    const { self } = await plant.device.waitFor(({ self: own }) => own !== undefined);
    const address = self?.Addresses[0]?.split('/')[0];
    const before = await laptop.waitFor((map) => 'db.plant.test' in namesOf(map), SOON_MS, 'the name');
    expect(namesOf(before)).toEqual({
      'db.plant.test': [{ Addr: `http://${address}:${PEERAPI.Port}/dns-query` }],
    });
    expect(routesOf(before, 'plant-connector')).toEqual([]);

    // The last two are never routed: another device's address, and a name that nobody asked it to serve.
    resolved['db.plant.test'] = ['10.88.0.7', '100.64.0.9'];
    resolved['other.plant.test'] = ['10.88.0.8'];
    await plant.device.update({ hostinfo: { RoutableIPs: ['10.88.0.7/32'] } });
    const after = await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'the route');
    expect(routesOf(after, 'plant-connector')).toEqual(['10.88.0.7/32']);
    const opens = (map: Netmap, IP: string, port: number): boolean =>
      packetFilter(map).some(({ DstPorts = [] }) =>
        DstPorts.some((dst) => dst.IP === IP && dst.Ports.First === port && dst.Ports.Last === port),
      );
    const own = await plant.device.waitFor((map) => opens(map, '10.88.0.7', 5432), SOON_MS, 'the filter');
    // Whoever may send there is answered questions for names.
    expect(opens(own, '0.0.0.0', 53)).toBe(true);
    expect(packetFilter(own).flatMap(({ DstPorts }) => DstPorts)).toHaveLength(2);
    expect(namesOf(phone.netmap())).toEqual({});
    expect(peerNamed(phone.netmap(), 'plant-connector')).toBeUndefined();
  });

  it('leads no name to what is a resource of another network, until it is one of its own as well', async () => {
    const plant = await network('plant');
    const rogue = await network('rogue');
    const [database] = [await resource(plant.id, '10.88.0.7'), await resource(plant.id, '10.88.4.0/24')];
    const name = await resource(rogue.id, 'db.rogue.test');
    await open(database);
    await open(name);
    resolved['db.rogue.test'] = ['10.88.0.7', '10.88.4.9', '10.99.0.1'];
    await rogue.device.update({ hostinfo: { RoutableIPs: ['10.99.0.1/32'] } });
    const laptop = await server.joined('laptop');
    const map = await laptop.waitFor(
      has('rogue-connector', '10.99.0.1/32'),
      SOON_MS,
      'a way to what is its own',
    );
    expect(routesOf(map, 'rogue-connector')).toEqual(['10.99.0.1/32']);
    expect(routesOf(map, 'plant-connector')).toContain('10.88.0.7/32');
    const rules = packetFilter(rogue.device.netmap()).flatMap(({ DstPorts }) => DstPorts ?? []);
    expect(rules.map(({ IP }) => IP)).not.toContain('10.88.0.7');
    const warnings = (await server.store.auditEvents(org, { afterSeq: 0, limit: 1_000 })).filter(
      ({ field, objectKind }) => field === 'warning' && objectKind === 'gateway',
    );
    expect(warnings.map(({ after }) => JSON.parse(String(after)) as unknown)).toEqual([
      'db.rogue.test was found to be 10.88.0.7, which is a resource of plant: it leads nobody there',
      'db.rogue.test was found to be 10.88.4.9, which is a resource of plant: it leads nobody there',
    ]);

    // One that ceases to be a resource there is free.
    await seed(server.store, org, (tx) => tx.update('resource', org, database, { active: false }));
    await laptop.waitFor(has('rogue-connector', '10.88.0.7/32'), SOON_MS, 'the freed address');
    // One that becomes a resource there is taken, at once.
    await seed(server.store, org, (tx) => tx.update('resource', org, database, { active: true }));
    await laptop.waitFor(lacks('rogue-connector', '10.88.0.7/32'), SOON_MS, 'the address taken back');
    await resource(rogue.id, '10.88.4.0/24');
    await laptop.waitFor(has('rogue-connector', '10.88.4.9/32'), SOON_MS, 'a range of both networks');
  });

  it('answers an alias at those to whom its address is open', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    const id = await resource(plant.id, '10.88.0.7', { alias: 'DB.acme.example' });
    expect(laptop.netmap().dns?.ExtraRecords).toBeUndefined();
    await open(id);
    const map = await laptop.waitFor(({ dns }) => dns?.ExtraRecords !== undefined, SOON_MS, 'the record');
    expect(map.dns?.ExtraRecords).toEqual([{ Name: 'db.acme.example', Value: '10.88.0.7' }]);
    await close(id);
    await laptop.waitFor(({ dns }) => dns?.ExtraRecords === undefined, SOON_MS, 'no record');
  });

  it('closes an access that was opened for a time at its very end', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    const id = await resource(plant.id, '10.88.0.7', { accessMode: 'access-request' });
    await open(id);
    const [edge] = await server.store.find('accessEdge', org, { resource: id });
    const openUntil = Date.now() + 3_000;
    await server.write(async (tx) => {
      await tx.put('accessLock', {
        ...{ org, edge: edge?.id ?? 0, membership: server.owner.id },
        ...{ lastUsed: null, lockedAt: null, openUntil },
      });
    });
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'open');
    await laptop.waitFor(lacks('plant-connector', '10.88.0.7/32'), SOON_MS, 'closed');
    expect(Date.now()).toBeGreaterThanOrEqual(openUntil);
  });

  it('asks of devices what the default security policy does', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    await open(await resource(plant.id, '10.88.0.7'));
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'open');
    const conditions = (texts: readonly string[]) =>
      server.write(async (tx) => {
        const [policy] = await tx.find('securityPolicy', org, { type: 'default' });
        await tx.update('securityPolicy', org, policy?.id ?? 0, { conditions: texts });
      });
    await conditions(['node:trusted == true']);
    await laptop.waitFor(lacks('plant-connector', '10.88.0.7/32'), SOON_MS, 'not trusted');
    const { id } = await server.row(laptop);
    await server.write(async (tx) => void (await tx.update('device', org, id, { serials: ['C02X'] })));
    await server.write(
      async (tx) =>
        void (await tx.insert('serialNumber', { org, id: tx.newId(), serial: 'C02X', createdAt: tx.now })),
    );
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'trusted by its serial number');
  });

  it('keeps a device out that was put away, until it connects again', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    await open(await resource(plant.id, '10.88.0.7'));
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'open');
    const { id } = await server.row(laptop);
    await server.write(async (tx) => void (await tx.update('device', org, id, { archivedAt: tx.now })));
    await laptop.waitFor(lacks('plant-connector', '10.88.0.7/32'), SOON_MS, 'put away');
    await laptop.reconnect();
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'back');
    expect((await server.row(laptop)).archivedAt).toBeNull();
  });

  it('opens to a headless device what its service account may reach', async () => {
    const plant = await network('plant');
    const access = createAccessService({ store: server.store });
    const accounts = createServiceAccountService({ store: server.store, random: systemRandom, access });
    const account = await accounts.create(admin, { name: 'deploy', role: 'none' }, 'system');
    const { token } = await accounts.createKey(admin, { account: account.id, days: 1 }, 'system');
    const robot = await server.joined('robot', { authKey: token });
    const [reached, other] = [await resource(plant.id, '10.88.0.7'), await resource(plant.id, '10.88.0.8')];
    await open(other);
    await seed(server.store, org, (tx) =>
      insertEdge(tx, org, { resource: reached, principalKind: 'service_account', principal: account.id }),
    );
    const map = await robot.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'the route');
    expect(routesOf(map, 'plant-connector')).toEqual(['10.88.0.7/32']);
    expect(map.self?.Tags).toEqual([`tag:hf-sa-${account.id}`]);
  });

  it('leads a prefix of two networks to the first of them, and to the other where only that is open', async () => {
    const [first, second] = [await network('first'), await network('second')];
    const laptop = await server.joined('laptop');
    const [a, b] = [await resource(first.id, '10.88.0.7'), await resource(second.id, '10.88.0.7')];
    await open(b);
    await laptop.waitFor(has('second-connector', '10.88.0.7/32'), SOON_MS, 'the second');
    await open(a);
    await laptop.waitFor(has('first-connector', '10.88.0.7/32'), SOON_MS, 'the first');
    await laptop.waitFor(lacks('second-connector', '10.88.0.7/32'), SOON_MS, 'the first alone');
    await close(a);
    await laptop.waitFor(has('second-connector', '10.88.0.7/32'), SOON_MS, 'the second again');
  });

  it('is the way out for those with access, where it is an exit network, and while it is switched on', async () => {
    const way = await network('way', 'exit');
    const laptop = await server.joined('laptop');
    const phone = await colleague();
    const exits = ['0.0.0.0/0', '::/0'];
    await way.device.update({ hostinfo: { RoutableIPs: exits } });
    const id = await resource(way.id, '0.0.0.0/0', { protocols: OPEN_PROTOCOLS });
    await open(id);
    const map = await laptop.waitFor(has('way-connector', '::/0'), SOON_MS, 'the way out');
    expect(routesOf(map, 'way-connector')).toEqual(exits);
    expect(peerNamed(map, 'way-connector')?.CapMap).toHaveProperty('suggest-exit-node');
    // It is told that its offer was taken, and to carry nothing else.
    const own = await way.device.waitFor(
      (now) =>
        packetFilter(now).some(({ DstPorts = [] }) => DstPorts.some(({ IP }) => IP.startsWith('11.0.0.0-'))),
      SOON_MS,
      'the filter',
    );
    expect(own.self?.AllowedIPs).toEqual(expect.arrayContaining(exits));
    expect(own.self?.CapMap?.['tailscale.com/app-connectors']).toMatchObject([{ routes: [] }]);
    const sources = new Set(packetFilter(own).flatMap(({ SrcIPs }) => SrcIPs ?? []));
    expect(
      [...sources].every((text) => laptop.netmap().self?.Addresses.some((own) => own.startsWith(text))),
    ).toBe(true);
    expect(peerNamed(phone.netmap(), 'way-connector')).toBeUndefined();
    expect(
      (await server.store.find('route', org, { manualAt: null, auto: false })).map((r) => r.prefix),
    ).toEqual(expect.arrayContaining(exits));

    const switched = (active: boolean) =>
      server.write(async (tx) => void (await tx.update('network', org, way.id, { active })));
    await switched(false);
    await laptop.waitFor(lacks('way-connector', '0.0.0.0/0'), SOON_MS, 'switched off');
    await switched(true);
    await laptop.waitFor(has('way-connector', '0.0.0.0/0'), SOON_MS, 'on again');
    await close(id);
    await laptop.waitFor((now) => peerNamed(now, 'way-connector') === undefined, SOON_MS, 'closed');
  });

  it('carries nothing while its network or the resource is switched off', async () => {
    const plant = await network('plant');
    const laptop = await server.joined('laptop');
    const id = await resource(plant.id, '10.88.0.7');
    await open(id);
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'open');
    await server.write(async (tx) => void (await tx.update('network', org, plant.id, { active: false })));
    await laptop.waitFor(lacks('plant-connector', '10.88.0.7/32'), SOON_MS, 'network off');
    await server.write(async (tx) => void (await tx.update('network', org, plant.id, { active: true })));
    await laptop.waitFor(has('plant-connector', '10.88.0.7/32'), SOON_MS, 'on again');
    await server.write(async (tx) => void (await tx.update('resource', org, id, { active: false })));
    await laptop.waitFor(lacks('plant-connector', '10.88.0.7/32'), SOON_MS, 'resource off');
  });
});
