// Devices that serve private networks carry routes that nobody enabled on them. This dialect shows those, in a member of
// their own, and cannot take them away.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Device } from '../../../src/domain/model/devices.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../../support/seeds.ts';
import { addDevices, createTailscaleServer } from './support.ts';

describe.each(ENGINES)('routes of a device that serves a network, on %s', (engine) => {
  let api: ApiServer;
  let connector: Device;
  let laptop: Device;
  let network = 0;
  let group = 0;
  let edge = 0;
  const org = (): number => api.organization.id;
  const change = (work: Parameters<typeof seed>[2]): Promise<unknown> => seed(api.store, org(), work);
  const routes = async (device = connector): Promise<unknown> =>
    (await api.call('GET', `/api/v2/device/${device.id}/routes`)).json();
  const details = async (device = connector): Promise<Record<string, unknown>> =>
    (await api.call('GET', `/api/v2/device/${device.id}?fields=all`)).json<Record<string, unknown>>();

  beforeEach(async () => {
    api = await createTailscaleServer(engine);
    const made = await addDevices(api, org(), [
      {
        label: 'connector',
        owner: api.owner.id,
        advertised: ['10.0.0.5/32', '10.9.0.0/16', '10.0.0.77/32', '0.0.0.0/0', '::/0'],
      },
      { label: 'laptop', owner: api.owner.id },
    ]);
    connector = made[0]!;
    laptop = made[1]!;
    await change(async (tx) => {
      network = (await insertNetwork(tx, org(), { name: 'Prod DC' })).id;
      group = (await insertGroup(tx, org(), { name: 'Ops' })).id;
      await addToGroup(tx, org(), group, [api.owner.id]);
      await insertGateway(tx, org(), {
        ...{ network, name: 'one', device: connector.id, tokenGeneration: 1, boundGeneration: 1 },
      });
      const database = await insertResource(tx, org(), { network, name: 'database' });
      // Nobody has access to this one.
      await insertResource(tx, org(), { network, name: 'spare', addressText: '10.0.0.6' });
      const named = await insertResource(tx, org(), {
        ...{ network, name: 'wiki', addressText: 'wiki.corp.test', addressKind: 'dns', lowAddress: null },
      });
      await tx.put('resolvedName', {
        ...{ org: org(), device: connector.id, name: 'wiki.corp.test', addresses: ['10.0.0.77'] },
      });
      const principal = { principalKind: 'group', principal: group } as const;
      edge = (await insertEdge(tx, org(), { resource: database.id, ...principal })).id;
      await insertEdge(tx, org(), { resource: named.id, ...principal });
    });
  });
  afterEach(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('are shown apart from those that the device offers by itself and those that were enabled', async () => {
    const shown = {
      advertisedRoutes: ['0.0.0.0/0', '10.9.0.0/16', '::/0'],
      enabledRoutes: [],
      managedRoutes: ['10.0.0.5/32', '10.0.0.77/32'],
    };
    expect(await routes()).toEqual(shown);
    expect(await details()).toMatchObject(shown);
    const listed = (await api.call('GET', '/api/v2/tailnet/-/devices?fields=all')).json<{
      devices: Record<string, unknown>[];
    }>().devices;
    expect(listed[0]).toMatchObject(shown);
    expect(await routes(laptop)).toEqual({ advertisedRoutes: [], enabledRoutes: [] });
    expect(await details(laptop)).not.toHaveProperty('managedRoutes');
    expect(listed[1]).not.toHaveProperty('managedRoutes');
  });

  test.each(['', '&fields=all'])(
    'are not what the filter for advertised routes asks for (%j)',
    async (fields) => {
      const found = async (prefix: string): Promise<unknown[]> => {
        const path = `/api/v2/tailnet/-/devices?advertisedRoutes=${encodeURIComponent(prefix)}${fields}`;
        return (await api.call('GET', path))
          .json<{ devices: { id: string }[] }>()
          .devices.map(({ id }) => id);
      };
      for (const own of ['10.9.0.0/16', '0.0.0.0/0'])
        expect(await found(own)).toEqual([String(connector.id)]);
      for (const pushed of ['10.0.0.5/32', '10.0.0.77/32']) expect(await found(pushed)).toEqual([]);
      // A device that serves no network offers the same prefix by itself.
      const [router] = await addDevices(api, org(), [
        { label: 'router', owner: api.owner.id, advertised: ['10.0.0.5/32'] },
      ]);
      expect(await found('10.0.0.5/32')).toEqual([String(router?.id)]);
    },
  );

  test('stay when all routes are disabled, and are never among the enabled ones', async () => {
    const set = await api.call('POST', `/api/v2/device/${connector.id}/routes`, {
      body: { routes: ['10.9.0.0/16'] },
    });
    expect(set.json()).toEqual({
      advertisedRoutes: ['0.0.0.0/0', '10.9.0.0/16', '::/0'],
      enabledRoutes: ['10.9.0.0/16'],
      managedRoutes: ['10.0.0.5/32', '10.0.0.77/32'],
    });
    const none = await api.call('POST', `/api/v2/device/${connector.id}/routes`, { body: { routes: [] } });
    expect(none.json()).toMatchObject({
      enabledRoutes: [],
      managedRoutes: ['10.0.0.5/32', '10.0.0.77/32'],
    });
  });

  test('end with the access, the group, the network, the binding of the gateway, and the approval of the device', async () => {
    const managed = async (): Promise<unknown> => (await details()).managedRoutes;
    await change((tx) => tx.update('accessEdge', org(), edge, { expiresAt: 1 }));
    expect(await managed()).toEqual(['10.0.0.77/32']);
    await change((tx) => tx.update('accessEdge', org(), edge, { expiresAt: null }));
    await change((tx) => tx.update('group', org(), group, { active: false }));
    expect(await managed()).toEqual([]);
    await change((tx) => tx.update('group', org(), group, { active: true }));
    await change((tx) => tx.update('network', org(), network, { active: false }));
    expect(await managed()).toEqual([]);
    await change((tx) => tx.update('network', org(), network, { active: true }));
    await api.call('POST', `/api/v2/device/${connector.id}/authorized`, { body: { authorized: false } });
    expect(await managed()).toEqual([]);
    expect(await routes()).toMatchObject({ managedRoutes: [] });
    await api.call('POST', `/api/v2/device/${connector.id}/authorized`, { body: { authorized: true } });
    expect(await managed()).toEqual(['10.0.0.5/32', '10.0.0.77/32']);
    await change(async (tx) => {
      const [gateway] = await tx.find('gateway', org(), { network });
      await tx.update('gateway', org(), gateway?.id ?? 0, { tokenGeneration: 2 });
    });
    expect(await details()).not.toHaveProperty('managedRoutes');
  });

  test('are the default routes of an exit node too, where the network is for going out', async () => {
    await change((tx) => tx.update('network', org(), network, { kind: 'exit' }));
    expect(await routes()).toEqual({
      advertisedRoutes: ['0.0.0.0/0', '10.9.0.0/16', '::/0'],
      enabledRoutes: [],
      managedRoutes: ['0.0.0.0/0', '10.0.0.5/32', '10.0.0.77/32', '::/0'],
    });
  });
});
