// Flow logs of real clients. Their flow log goes to one host of the vendor's whatever TS_LOG_TARGET says (client source:
// wgengine/netlog), so that name leads to this server here, as an operator's own DNS would have it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createCertificate, whyNoCertificates } from '../support/certificates.ts';
import type { Server } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { AGENT, LOGIN_SERVER, SERVER_ADDRESS, SERVER_PORT } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';
import { NewKey } from './wire.ts';

const LOG_HOST = 'log.tailscale.com';
const TEST_TIMEOUT_MS = 180_000;
/** The server asks no client that begins sooner after the setting. */
const SETTLED_MS = 11_000;
/** Clients count for five seconds, and gather for two. */
const LOGGED_WITHIN_MS = 60_000;
const POLL_MS = 500;
const TCP = 6;
const ECHO_PORT = 7;
/** The headers of a few packets. */
const MIN_ANSWER_BYTES = 100;

const Traffic = z.array(
  z.strictObject({
    ...{ proto: z.int(), src: z.string(), dst: z.string() },
    ...{ txPkts: z.int(), txBytes: z.int(), rxPkts: z.int(), rxBytes: z.int() },
  }),
);
const FlowLogs = z.strictObject({
  logs: z.array(
    z.strictObject({
      ...{ logged: z.iso.datetime(), nodeId: z.string(), start: z.iso.datetime(), end: z.iso.datetime() },
      virtualTraffic: Traffic.optional(),
      subnetTraffic: Traffic.optional(),
      exitTraffic: Traffic.optional(),
      physicalTraffic: Traffic.optional(),
    }),
  ),
});

const missing = unless((await whyNoRealClients()) ?? whyNoCertificates());

describe('flow logs of real clients', missing, () => {
  let network: Network;
  let server: Server;
  let rest: Rest;
  let authKey: string;
  let trust: string;

  const join = async (host: string): Promise<RealDevice> => {
    await network.world.run(host, ['sh', '-c', `echo '${SERVER_ADDRESS} ${LOG_HOST}' >>/etc/hosts`]);
    const device = await startDevice(network.world, network.clients, host, { logs: { trust } });
    await device.up({ loginServer: LOGIN_SERVER, authKey });
    return device;
  };
  const want = (on: boolean) => rest.ask('PATCH', '/api/v2/tailnet/-/settings', { networkFlowLoggingOn: on });
  const logs = async (since: number) => {
    const window = `start=${new Date(since).toISOString()}&end=${new Date(Date.now() + 60_000).toISOString()}`;
    return FlowLogs.parse(await rest.ask('GET', `/api/v2/tailnet/-/logging/network?${window}`)).logs;
  };
  /** Connects until the logs of a device tell of it, as seen from that device. */
  const untilLogged = async (from: RealDevice, to: RealDevice, port: number): Promise<void> => {
    const [source, target, { Self: self }] = await Promise.all([from.address(), to.address(), from.status()]);
    const began = Date.now();
    let last: unknown;
    while (Date.now() < began + LOGGED_WITHIN_MS) {
      expect(await network.dial(from.host, target)).toBe('hello');
      const seen = (await logs(began))
        .filter(({ nodeId }) => nodeId === self.ID)
        .flatMap(({ virtualTraffic = [] }) => virtualTraffic)
        .filter(({ proto, dst }) => proto === TCP && dst === `${target}:${port}`)
        .filter(({ src }) => src.startsWith(`${source}:`));
      // A record may end in the middle of a connection: one of them has the answer too.
      if (seen.some(({ txPkts, rxBytes }) => txPkts > 2 && rxBytes > MIN_ANSWER_BYTES)) return;
      last = seen;
      await sleep(POLL_MS);
    }
    throw new Error(
      `no log of ${from.host} tells of it, but ${JSON.stringify(last)}:\n${from.log().slice(-3_000)}`,
    );
  };
  const state = async (device: RealDevice): Promise<string> => (await device.status()).BackendState;

  beforeAll(async () => {
    network = await createNetwork();
    const files = await createCertificate(network.world.directory, 'logs', `DNS:${LOG_HOST}`);
    trust = files.certFile;
    const { api_key: token } = await network.initialise('acme');
    server = await network.startServer();
    rest = network.rest(token);
    const unwrap = [
      files.certFile,
      files.keyFile,
      SERVER_ADDRESS,
      '443',
      SERVER_ADDRESS,
      String(SERVER_PORT),
    ];
    await network.world.start('inet', [process.execPath, AGENT, 'unwrap', ...unwrap], { name: 'unwrap' });
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const body = { capabilities: { devices: { create } }, description: 'clients' };
    authKey = NewKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body)).key;
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  test('a connection shows in the flow logs of a client that joined when they were wanted; one from before stays on the network', {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const before = await join('laptop');
    await want(true);
    await sleep(SETTLED_MS);
    const after = await join('router');
    await untilLogged(after, before, ECHO_PORT);

    // Told to keep its logs, it was not asked for any, and works on.
    expect(await state(before)).toBe('Running');
    const { Self: self } = await before.status();
    expect((await logs(0)).filter(({ nodeId }) => nodeId === self.ID)).toEqual([]);

    // Its next process is asked.
    await before.kill();
    await before.start();
    await expect.poll(() => state(before), { timeout: LOGGED_WITHIN_MS, interval: POLL_MS }).toBe('Running');
    await untilLogged(before, after, ECHO_PORT);
    expect(await state(before)).toBe('Running');

    await want(false);
    const ended = Date.now();
    expect(await network.dial('laptop', await after.address())).toBe('hello');
    await sleep(SETTLED_MS);
    expect(await logs(ended)).toEqual([]);
    for (const device of [before, after]) expect(await state(device)).toBe('Running');
  });
});
