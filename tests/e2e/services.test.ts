// A service of the network, served by real clients: an address and a name of its own, and a second host that takes over.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Server } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';

const TEST_TIMEOUT_MS = 120_000;
const SOON_MS = 30_000;
const POLL_MS = 200;
/** Where the echo server of every host of the network listens. */
const ECHO_PORT = 7;

const Service = z.looseObject({ addrs: z.array(z.string()) });
const Hosts = z.object({ hosts: z.array(z.looseObject({ approvalLevel: z.string() })) });
const Key = z.looseObject({ key: z.string() });

const POLICY = {
  tagOwners: { 'tag:web': [] },
  grants: [
    { src: ['autogroup:member'], dst: ['svc:web'], ip: [`tcp:${ECHO_PORT}`] },
    { src: ['tag:web'], dst: ['autogroup:member'], ip: ['*'] },
  ],
  autoApprovers: { services: { 'tag:web': ['tag:web'] } },
};

describe('a service that real clients serve', unless(await whyNoRealClients()), () => {
  let network: Network;
  let server: Server;
  let rest: Rest;
  let laptop: RealDevice;
  let router: RealDevice;
  let second: RealDevice;
  let address = '';

  beforeAll(async () => {
    network = await createNetwork();
    const { api_key: token } = await network.initialise('acme');
    server = await network.startServer();
    rest = network.rest(token);
    await rest.ask('POST', '/api/v2/tailnet/-/acl', POLICY);
    const keyFor = async (tags: readonly string[]): Promise<string> => {
      const create = { reusable: true, preauthorized: true, ...(tags.length > 0 ? { tags } : {}) };
      const made = await rest.ask('POST', '/api/v2/tailnet/-/keys', {
        capabilities: { devices: { create } },
      });
      return Key.parse(made).key;
    };
    const service = { name: 'svc:web', ports: [`tcp:${ECHO_PORT}`], tags: ['tag:web'] };
    address =
      Service.parse(await rest.ask('PUT', '/api/v2/tailnet/-/services/svc:web', service)).addrs[0] ?? '';
    const tagged = await keyFor(['tag:web']);
    laptop = await startDevice(network.world, network.clients, 'laptop');
    await laptop.up({ loginServer: LOGIN_SERVER, authKey: await keyFor([]), flags: ['--accept-routes'] });
    router = await startDevice(network.world, network.clients, 'router');
    await router.up({ loginServer: LOGIN_SERVER, authKey: tagged });
    await network.addHost('second', '10.99.3');
    second = await startDevice(network.world, network.clients, 'second');
    await second.up({ loginServer: LOGIN_SERVER, authKey: tagged });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  const serve = (device: RealDevice): Promise<string> =>
    device.cli('serve', '--service=svc:web', `--tcp=${ECHO_PORT}`, `tcp://127.0.0.1:${ECHO_PORT}`);
  const hosts = async () =>
    Hosts.parse(await rest.ask('GET', '/api/v2/tailnet/-/services/svc:web/devices')).hosts;
  const answers = async (): Promise<boolean> => {
    const deadline = performance.now() + SOON_MS;
    while (performance.now() < deadline) {
      if ((await network.dial('laptop', address).catch(() => '')) === 'hello') return true;
      await sleep(POLL_MS);
    }
    return false;
  };

  test(
    'is reached at its own address as soon as one host serves it',
    async () => {
      expect(await network.dial('laptop', address).catch(() => 'nothing')).toBe('nothing');
      await serve(router);
      await expect.poll(hosts, { timeout: SOON_MS }).toMatchObject([{ approvalLevel: 'approved:auto' }]);
      expect(await answers(), router.log().slice(-3000)).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'has a name',
    async () => {
      expect(await laptop.cli('dns', 'query', 'web.acme.holdfast.internal', 'A')).toContain(address);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'goes on at another host when the first is lost',
    async () => {
      await serve(second);
      await expect.poll(async () => (await hosts()).length, { timeout: SOON_MS }).toBe(2);
      await router.kill();
      expect(await answers(), second.log().slice(-3000)).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );
});
