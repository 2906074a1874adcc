// A posture attribute that a real client sets on itself: connections that a condition refused pass, until it takes it back.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Server } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';
import { NewKey } from './wire.ts';

const TEST_TIMEOUT_MS = 60_000;
const SOON_MS = 20_000;
/** A connection that is refused is given up after this time: packets are dropped without an answer. */
const REFUSED_AFTER_MS = 1_500;

const POLICY = {
  postures: { 'posture:built': ["custom:build == 'green'"] },
  attrConfig: {
    'custom:build': { type: 'string', allowSetByNode: true },
    'custom:closed': { type: 'bool' },
  },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'], srcPosture: ['posture:built'] }],
};

const Attributes = z.object({ attributes: z.record(z.string(), z.unknown()) });

const missing = unless(await whyNoRealClients());

describe('a real client that sets attributes of its own', missing, () => {
  let network: Network;
  let server: Server;
  let laptop: RealDevice;
  let router: RealDevice;
  let rest: Rest;

  const set = (update: object): Promise<string> =>
    laptop.cli('debug', 'localapi', 'PATCH', 'alpha-set-device-attrs', JSON.stringify(update));
  const reaches = (): Promise<boolean> =>
    router
      .address()
      .then((address) => network.dial('laptop', address, { timeoutMs: REFUSED_AFTER_MS }))
      .then(
        (answer) => answer === 'hello',
        () => false,
      );

  beforeAll(async () => {
    network = await createNetwork();
    const { api_key: token } = await network.initialise('acme');
    server = await network.startServer();
    rest = network.rest(token);
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const body = { capabilities: { devices: { create } }, description: 'clients' };
    const { key: authKey } = NewKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body));
    await rest.ask('POST', '/api/v2/tailnet/-/acl', POLICY);
    [laptop, router] = await Promise.all([
      startDevice(network.world, network.clients, 'laptop'),
      startDevice(network.world, network.clients, 'router'),
    ]);
    for (const device of [laptop, router]) await device.up({ loginServer: LOGIN_SERVER, authKey });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  test('passes conditions with those that the policy file lets it set', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    expect(await reaches()).toBe(false);
    await set({ 'custom:build': 'green' });
    await expect.poll(reaches, { timeout: SOON_MS }).toBe(true);
    await set({ 'custom:build': null });
    await expect.poll(reaches, { timeout: SOON_MS }).toBe(false);
  });

  test('sets none that the file keeps from it', async () => {
    await expect(set({ 'custom:closed': true })).rejects.toThrow('Command failed');
    const { Self: self } = await laptop.status();
    const { attributes } = Attributes.parse(await rest.ask('GET', `/api/v2/device/${self.ID}/attributes`));
    expect(attributes).not.toHaveProperty('custom:closed');
  });
});
