// Routes that go through the carrier in the region of whoever uses them: what devices of two regions are told, over real
// sockets.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Actor } from '../../src/domain/access/actor.ts';
import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import { createAccessService } from '../../src/domain/networks/access-service.ts';
import { createGatewayService } from '../../src/domain/networks/gateway-service.ts';
import { explainAccess } from '../../src/effective-policy/explain-access.ts';
import { loadOrganizationPolicy } from '../../src/effective-policy/organization-policy.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { type Netmap, peerNamed, type TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';
import {
  addToGroup,
  insertGateway,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../support/seeds.ts';

const SOON_MS = 5_000;
const NET = '10.20.0.0/16';
const [WEST, EAST, SOUTH] = [901, 902, 903];

describe.each(ENGINES)('regional routing on %s', (engine) => {
  let server: ControlServer;
  beforeEach(async () => {
    server = await startControlServer(engine);
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const at = (PreferredDERP: number, latencies: Readonly<Record<number, number>> = {}) => ({
    NetInfo: {
      PreferredDERP,
      DERPLatency: Object.fromEntries(
        Object.entries(latencies).map(([region, seconds]) => [`${region}-v4`, seconds]),
      ),
    },
  });
  const setRegional = (value: boolean): Promise<void> =>
    server.write((tx) =>
      tx.put('setting', {
        org: server.organization.id,
        name: 'regional_routing',
        value,
        updatedAt: tx.now,
      }),
    );
  const router = async (hostname: string, region: number): Promise<TestDevice> => {
    const device = await server.joined(hostname, { hostinfo: { RoutableIPs: [NET], ...at(region) } });
    const { org, id } = await server.row(device);
    await server.write(
      async (tx) =>
        void (await tx.update(
          'route',
          org,
          { device: id, prefix: NET },
          { manualAt: tx.now, manualBy: server.owner.id },
        )),
    );
    return device;
  };
  const carrier = (map: Netmap, prefix = NET): string =>
    [...map.peers.values()]
      .filter((peer) => peer.AllowedIPs?.includes(prefix) && peer.PrimaryRoutes?.includes(prefix))
      .map((peer) => peer.Name.split('.')[0] ?? '')
      .join();
  const gets = (viewer: TestDevice, name: string, prefix = NET): Promise<Netmap> =>
    viewer.waitFor((map) => carrier(map, prefix) === name, SOON_MS, `${name} at ${viewer.hostname}`);
  const explained = async (source: string): Promise<string | undefined> => {
    const policy = await loadOrganizationPolicy(server.store, systemClock, server.organization);
    const question = { source, target: '10.20.1.1', port: 443, protocol: 6 };
    return explainAccess(policy, question).verdicts[0]?.path?.receiver;
  };

  it('gives each device the carrier in its region, and all one carrier again when it is switched off', async () => {
    const west = await server.joined('west', { hostinfo: at(WEST) });
    const east = await server.joined('east', { hostinfo: at(EAST) });
    const south = await server.joined('south', { hostinfo: at(SOUTH, { [WEST]: 0.2, [EAST]: 0.05 }) });
    const [routerWest, routerEast] = [await router('router-west', WEST), await router('router-east', EAST)];
    for (const viewer of [west, east, south]) await gets(viewer, 'router-west');
    expect(routerEast.netmap().self?.PrimaryRoutes ?? []).toEqual([]);

    await setRegional(true);
    await gets(west, 'router-west');
    await gets(east, 'router-east');
    await gets(south, 'router-east');
    await routerEast.waitFor((map) => map.self?.PrimaryRoutes?.join() === NET, SOON_MS, 'its own routes');
    expect(routerWest.netmap().self?.PrimaryRoutes).toEqual([NET]);
    // A carrier gets nothing of what it carries from the other.
    await routerEast.waitFor((map) => carrier(map) === '', SOON_MS, 'no carrier but itself');
    expect(carrier(routerWest.netmap())).toBe('');
    expect([await explained('west'), await explained('east'), await explained('south')]).toEqual([
      'router-west',
      'router-east',
      'router-east',
    ]);

    await setRegional(false);
    for (const viewer of [west, east, south]) await gets(viewer, 'router-west');
    expect(await explained('east')).toBe('router-west');
  });

  it('fails over when the carrier of a region goes, and comes back with it', async () => {
    await setRegional(true);
    const west = await server.joined('west', { hostinfo: at(WEST) });
    const east = await server.joined('east', { hostinfo: at(EAST, { [WEST]: 0.1 }) });
    await router('router-west', WEST);
    const routerEast = await router('router-east', EAST);
    await gets(east, 'router-east');
    await gets(west, 'router-west');
    const before = west.counters.messages;
    routerEast.drop();
    await gets(east, 'router-west');
    expect(await explained('east')).toBe('router-west');
    await routerEast.reconnect();
    await gets(east, 'router-east');
    // Those whose carrier stayed hear only that the other went and came.
    const routes = west
      .messages()
      .slice(-(west.counters.messages - before))
      .flatMap((message) => message.PeersChanged ?? [])
      .filter((peer) => peer.PrimaryRoutes !== undefined || peer.AllowedIPs?.includes(NET));
    expect(routes).toEqual([]);
    expect(carrier(west.netmap())).toBe('router-west');
  });

  it('moves a device with its home relay, and all with a carrier that moves', async () => {
    await setRegional(true);
    const traveller = await server.joined('traveller', { hostinfo: at(WEST) });
    const stayer = await server.joined('stayer', { hostinfo: at(WEST) });
    await router('router-west', WEST);
    const routerEast = await router('router-east', EAST);
    await gets(traveller, 'router-west');
    await traveller.update({ hostinfo: at(EAST) });
    await gets(traveller, 'router-east');
    expect(peerNamed(traveller.netmap(), 'router-west')?.PrimaryRoutes ?? []).toEqual([]);
    expect(carrier(stayer.netmap())).toBe('router-west');
    await routerEast.update({ hostinfo: { RoutableIPs: [NET], ...at(SOUTH) } });
    await gets(traveller, 'router-west');
    await traveller.update({ hostinfo: at(SOUTH) });
    await gets(traveller, 'router-east');
  });

  it('holds for the connectors of a network', async () => {
    await setRegional(true);
    const org = server.organization.id;
    const admin: Actor = { kind: 'system', org, name: 'test', permissions: permissionsOfRole('owner') };
    const made = await seed(server.store, org, async (tx) => {
      const group = await insertGroup(tx, org, { name: 'Operators' });
      await addToGroup(tx, org, group.id, [server.owner.id]);
      const { id: network } = await insertNetwork(tx, org, { name: 'plant' });
      const gateways = [
        await insertGateway(tx, org, { network, name: 'one' }),
        await insertGateway(tx, org, { network, name: 'two' }),
      ];
      const resource = await insertResource(tx, org, {
        network,
        name: 'database',
        addressText: '10.9.0.5',
        addressKind: 'ip',
        lowAddress: '10.9.0.5',
        highAddress: null,
      });
      return { group: group.id, gateways: gateways.map(({ id }) => id), resource: resource.id };
    });
    const principal = { kind: 'group', id: made.group } as const;
    await createAccessService({ store: server.store }).grant(
      admin,
      made.resource,
      [{ principal }],
      { replace: false },
      'system',
    );
    const service = createGatewayService({ store: server.store, random: systemRandom });
    const connectors: TestDevice[] = [];
    for (const [i, region] of [WEST, EAST].entries()) {
      const { accessToken } = await service.generateTokens(admin, made.gateways[i] ?? 0, 'system');
      connectors.push(
        await server.joined(`connector-${i}`, {
          authKey: accessToken,
          hostinfo: { AppConnector: true, ...at(region) },
        }),
      );
    }
    const west = await server.joined('west', { hostinfo: at(WEST) });
    const east = await server.joined('east', { hostinfo: at(EAST) });
    await gets(west, 'connector-0', '10.9.0.5/32');
    await gets(east, 'connector-1', '10.9.0.5/32');
    connectors[0]?.drop();
    await gets(west, 'connector-1', '10.9.0.5/32');
  });
});
