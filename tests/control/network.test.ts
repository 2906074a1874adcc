// Devices in one network, over real sockets: what each is told when another joins, moves, leaves or changes.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeDevice } from '../../src/domain/devices/device-removal.ts';
import { type Netmap, packetFilter, peerNamed } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

// Five times the second that others may need to hear of a change.
const SOON_MS = 5_000;
/** A device comes back in it, whatever else the machine is doing. */
const LONG_GRACE_MS = 3_000;
const online =
  (name: string) =>
  (map: Netmap): boolean =>
    peerNamed(map, name)?.Online === true;

describe.each(ENGINES)('a network on %s', (engine) => {
  let server: ControlServer;
  beforeEach(async () => {
    server = await startControlServer(engine);
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  it('gives a device its own node, names, addresses, filter and profile in the first message', async () => {
    const alpha = await server.joined('alpha');
    const { self, dns, users } = alpha.netmap();
    const row = await server.row(alpha);
    expect(self?.Name).toBe('alpha.acme.holdfast.internal.');
    expect(self?.ID).toBe(row.id);
    expect(self?.MachineAuthorized).toBe(true);
    expect(self?.Addresses).toHaveLength(2);
    expect(self?.Addresses[0]).toMatch(/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-6])\.\d+\.\d+\/32$/);
    expect(self?.Addresses[1]).toMatch(/^fd7a:115c:a1e0:/);
    expect(self?.AllowedIPs).toEqual(self?.Addresses);
    expect(dns).toMatchObject({ Proxied: true, Domains: ['acme.holdfast.internal'] });
    // How the real service spells "every device of the network" (contracts: tailscale-api.md §2.4).
    const everyDevice = ['100.64.0.0-100.115.91.255', '100.115.94.0-100.127.255.255', 'fd7a:115c:a1e0::/48'];
    expect(packetFilter(alpha.netmap())).toEqual([
      { SrcIPs: everyDevice, DstPorts: [{ IP: '*', Ports: { First: 0, Last: 65535 } }] },
    ]);
    expect([...users.values()]).toEqual([
      { ID: server.owner.id, LoginName: 'ada@acme.test', DisplayName: 'ada@acme.test' },
    ]);
  });

  it('tells those who are there of one who joins, and it of them', async () => {
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    await alpha.waitFor(online('beta'), SOON_MS, 'beta online at alpha');
    expect(peerNamed(beta.netmap(), 'alpha')?.Key).toBe(alpha.nodeKey());
    expect(peerNamed(beta.netmap(), 'beta')).toBeUndefined();
  });

  it('gives equal host names different labels', async () => {
    await server.joined('same');
    const second = await server.joined('same');
    expect(second.netmap().self?.Name).toBe('same-1.acme.holdfast.internal.');
  });

  it('passes endpoints, disco key and home relay on as a patch', async () => {
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    await alpha.waitFor(online('beta'), SOON_MS);
    await beta.update({
      endpoints: ['192.0.2.7:41641'],
      homeDerp: 901,
      discoKey: `discokey:${'ab'.repeat(32)}`,
    });
    await alpha.waitFor((map) => peerNamed(map, 'beta')?.Endpoints?.[0] === '192.0.2.7:41641', SOON_MS);
    expect(peerNamed(alpha.netmap(), 'beta')).toMatchObject({
      HomeDERP: 901,
      DiscoKey: `discokey:${'ab'.repeat(32)}`,
    });
    const last = alpha.messages().at(-1);
    expect(last?.PeersChanged).toBeUndefined();
    expect(last?.PeersChangedPatch).toHaveLength(1);
  });

  it('says that a device is offline only after it had time to come back', async () => {
    await server.close();
    server = await startControlServer(engine, { graceMs: LONG_GRACE_MS });
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    await alpha.waitFor(online('beta'), SOON_MS);
    const before = alpha.counters.messages;
    beta.drop();
    await beta.reconnect();
    beta.drop();
    await alpha.waitFor((map) => peerNamed(map, 'beta')?.Online === false, SOON_MS, 'beta offline at alpha');
    expect(peerNamed(alpha.netmap(), 'beta')?.LastSeen).toBeDefined();
    expect(alpha.counters.messages).toBe(before + 1);
  });

  it('makes all drop a deleted device, and its own client sign in again', async () => {
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    await alpha.waitFor(online('beta'), SOON_MS);
    const row = await server.row(beta);
    await server.write((tx) => removeDevice(tx, row));
    await alpha.waitFor((map) => peerNamed(map, 'beta') === undefined, SOON_MS, 'beta gone at alpha');
    await beta.waitForEnd(SOON_MS);
    expect(beta.netmap().self?.Expired).toBe(true);
    await expect(beta.startMap()).rejects.toMatchObject({ status: 404 });
  });

  it('keeps id, addresses and name of a device that logs out and comes back with a new key', async () => {
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    const before = await server.row(beta);
    const { self } = beta.netmap();
    expect(await beta.logout()).toMatchObject({ NodeKeyExpired: true, Error: '' });
    await alpha.waitFor((map) => peerNamed(map, 'beta')?.Expired === true, SOON_MS, 'beta expired at alpha');
    expect(await beta.register({ authKey: '' })).toMatchObject({ NodeKeyExpired: true });
    const old = beta.rotateNodeKey();
    await beta.register({ oldNodeKey: old });
    await beta.startMap();
    const after = await server.row(beta);
    expect(after.id).toBe(before.id);
    expect(beta.netmap().self?.Addresses).toEqual(self?.Addresses);
    expect(beta.netmap().self?.Name).toBe(self?.Name);
    await alpha.waitFor(
      (map) => peerNamed(map, 'beta')?.Key === beta.nodeKey(),
      SOON_MS,
      'the new key at alpha',
    );
    expect(peerNamed(alpha.netmap(), 'beta')?.Expired).not.toBe(true);
  });

  it('removes an ephemeral device that logs out', async () => {
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta', { authKey: await server.authKey({ ephemeral: true }) });
    await alpha.waitFor(online('beta'), SOON_MS);
    await beta.logout();
    await alpha.waitFor((map) => peerNamed(map, 'beta') === undefined, SOON_MS, 'beta gone at alpha');
    expect(await server.store.lookup('device', 'nodeKey', beta.nodeKey())).toBeUndefined();
  });

  it('hides a device that waits for approval, and shows it when it is approved', async () => {
    await server.write((tx) =>
      tx.put('setting', {
        org: server.organization.id,
        name: 'device_approval',
        value: true,
        updatedAt: tx.now,
      }),
    );
    const alpha = await server.joined('alpha');
    const key = await server.authKey({});
    await server.write(async (tx) => {
      const [row] = await tx.find('credential', server.organization.id, {
        preauthorized: true,
        consumedAt: null,
        reusable: false,
      });
      if (row) await tx.update('credential', server.organization.id, row.id, { preauthorized: false });
    });
    const beta = server.device({ hostname: 'beta', authKey: key });
    expect(await beta.register()).toMatchObject({ MachineAuthorized: false, AuthURL: '' });
    await beta.startMap();
    expect(beta.netmap().self?.MachineAuthorized).toBe(false);
    expect(beta.netmap().peers.size).toBe(0);
    expect(packetFilter(beta.netmap())).toEqual([]);
    expect(alpha.netmap().peers.size).toBe(0);
    const row = await server.row(beta);
    await server.write(
      async (tx) => void (await tx.update('device', row.org, row.id, { authorizedAt: tx.now })),
    );
    await alpha.waitFor((map) => peerNamed(map, 'beta') !== undefined, SOON_MS, 'beta at alpha');
    await beta.waitFor((map) => map.self?.MachineAuthorized === true && map.peers.size === 1, SOON_MS);
    expect(packetFilter(beta.netmap())).toHaveLength(1);
  });

  it('tells devices at once whether they update themselves, and for how long a key is good', async () => {
    const alpha = await server.joined('alpha');
    const set = (name: string, value: unknown): Promise<void> =>
      server.write((tx) =>
        tx.put('setting', { org: server.organization.id, name, value, updatedAt: tx.now }),
      );
    const told = (cap: string) => alpha.netmap().self?.CapMap?.[cap];
    expect(told('default-auto-update')).toEqual([false]);
    expect(told('tailnet.maxKeyDuration')).toEqual([180 * 86_400_000_000_000]);
    await set('devices_auto_update', true);
    await set('key_days', 5);
    await alpha.waitFor(
      () =>
        told('default-auto-update')?.[0] === true &&
        told('tailnet.maxKeyDuration')?.[0] === 5 * 86_400_000_000_000,
      SOON_MS,
      'the settings at alpha',
    );
    const before = Date.now();
    const beta = await server.joined('beta');
    const { keyExpiresAt } = await server.row(beta);
    expect(Math.round(((keyExpiresAt ?? 0) - before) / 86_400_000)).toBe(5);
  });

  it('cuts the devices of a suspended member off and brings them back', async () => {
    const alpha = await server.joined('alpha', { authKey: await server.authKey({ tags: ['tag:server'] }) });
    const beta = await server.joined('beta');
    await alpha.waitFor(online('beta'), SOON_MS);
    const setSuspended = (at: (now: number) => number | null): Promise<void> =>
      server.write(async (tx) => {
        await tx.update('membership', server.organization.id, server.owner.id, { suspendedAt: at(tx.now) });
      });
    await setSuspended((now) => now);
    await alpha.waitFor((map) => map.peers.size === 0, SOON_MS, 'beta gone at alpha');
    await beta.waitFor((map) => map.peers.size === 0, SOON_MS, 'alpha gone at beta');
    await setSuspended(() => null);
    await alpha.waitFor((map) => map.peers.size === 1, SOON_MS);
    await beta.waitFor((map) => map.peers.size === 1, SOON_MS);
  });

  it('routes an enabled subnet through one carrier and moves it when that one goes', async () => {
    const prefix = '10.20.0.0/16';
    const viewer = await server.joined('viewer');
    const routers = [
      await server.joined('router-a', { hostinfo: { RoutableIPs: [prefix] } }),
      await server.joined('router-b', { hostinfo: { RoutableIPs: [prefix] } }),
    ];
    await viewer.waitFor((map) => online('router-a')(map) && online('router-b')(map), SOON_MS);
    const carriers = (map: Netmap): string[] =>
      [...map.peers.values()]
        .filter((peer) => peer.AllowedIPs?.includes(prefix))
        .map((peer) => peer.Name.split('.')[0] ?? '');
    expect(carriers(viewer.netmap())).toEqual([]);
    for (const router of routers) {
      const { org, id } = await server.row(router);
      await server.write(async (tx) => {
        await tx.update(
          'route',
          org,
          { device: id, prefix },
          { manualAt: tx.now, manualBy: server.owner.id },
        );
      });
    }
    await viewer.waitFor((map) => carriers(map).join() === 'router-a', SOON_MS, 'router-a carries');
    expect(peerNamed(viewer.netmap(), 'router-a')?.PrimaryRoutes).toEqual([prefix]);
    routers[0]!.drop();
    await viewer.waitFor((map) => carriers(map).join() === 'router-b', SOON_MS, 'router-b carries');
    await routers[0]!.reconnect();
    await viewer.waitFor(online('router-a'), SOON_MS);
    expect(carriers(viewer.netmap())).toEqual(['router-b']);
  });

  it('follows a host that advertises another route and takes another name', async () => {
    const viewer = await server.joined('viewer');
    const router = await server.joined('router');
    await router.update({ hostinfo: { Hostname: 'gateway', RoutableIPs: ['10.1.2.3/8'] } });
    await viewer.waitFor((map) => peerNamed(map, 'gateway') !== undefined, SOON_MS, 'the new name');
    const { org, id } = await server.row(router);
    const routes = await server.store.find('route', org, { device: id });
    expect(routes.map((route) => [route.prefix, route.advertised, route.manualAt])).toEqual([
      ['10.0.0.0/8', true, null],
    ]);
  });

  it('answers a request for one map with one message', async () => {
    await server.joined('beta');
    const alpha = await server.joined('alpha');
    const map = await alpha.fetchMap();
    expect(map.Node?.Name).toBe('alpha.acme.holdfast.internal.');
    expect(map.Peers).toHaveLength(1);
  });

  it('serves clients that ask for plain JSON', async () => {
    await server.joined('beta');
    const alpha = await server.joined('alpha', { compress: '' });
    expect(peerNamed(alpha.netmap(), 'beta')).toBeDefined();
    await server.joined('gamma');
    await alpha.waitFor(online('gamma'), SOON_MS);
  });
});
