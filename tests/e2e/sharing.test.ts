// A device that is shared with somebody of another organization, with real clients on either side.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Server } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { until } from '../support/until.ts';
import { createNetwork, type Network } from './network.ts';

const TEST_TIMEOUT_MS = 120_000;
const SOON_MS = 30_000;
/** Promised within a second; asserted at five times that, beside the time that a client takes to say so. */
const CUT_WITHIN_MS = 5_000;
const REFUSED_MS = 4_000;

const Key = z.looseObject({ key: z.string() });
const Devices = z.looseObject({ devices: z.array(z.looseObject({ id: z.string(), name: z.string() })) });
const Invites = z.array(z.looseObject({ id: z.string(), inviteUrl: z.string() }));

describe('a device shared with another organization', unless(await whyNoRealClients()), () => {
  let network: Network;
  let server: Server;
  let acme: Rest;
  let rival: Rest;
  /** The shared device, in acme, and the device of whoever accepts, in rival. */
  let given: RealDevice;
  let laptop: RealDevice;
  let address = '';
  let invite = '';

  beforeAll(async () => {
    network = await createNetwork();
    const tokens = [await network.initialise('acme'), await network.initialise('rival')];
    server = await network.startServer();
    const [one, other] = tokens.map(({ api_key: token }) => network.rest(token));
    if (one === undefined || other === undefined) throw new Error('two organizations were made');
    [acme, rival] = [one, other];
    const join = async (host: string, rest: Rest): Promise<RealDevice> => {
      const create = { preauthorized: true };
      const body = { capabilities: { devices: { create } } };
      const { key } = Key.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body));
      const device = await startDevice(network.world, network.clients, host);
      await device.up({ loginServer: LOGIN_SERVER, authKey: key });
      return device;
    };
    given = await join('router', acme);
    laptop = await join('laptop', rival);
    address = await given.address();
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  const answers = (from: string, to: string): Promise<boolean> =>
    network.dial(from, to, { timeoutMs: REFUSED_MS }).then(
      (text) => text === 'hello',
      () => false,
    );
  const peersOf = async (device: RealDevice): Promise<string[]> =>
    (await device.peers()).map(({ DNSName }) => DNSName);

  test(
    'neither knows of the other before',
    async () => {
      expect(await peersOf(laptop)).toEqual([]);
      expect(await peersOf(given)).toEqual([]);
      expect(await answers('laptop', address)).toBe(false);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'TCP passes to the shared device by address and by name, and not back',
    async () => {
      const { devices } = Devices.parse(await acme.ask('GET', '/api/v2/tailnet/-/devices'));
      const path = `/api/v2/device/${devices[0]?.id}/device-invites`;
      const [made] = Invites.parse(await acme.ask('POST', path, [{}]));
      invite = made?.id ?? '';
      await rival.ask('POST', '/api/v2/device-invites/-/accept', { invite: made?.inviteUrl });
      await until(() => answers('laptop', address), 'the shared device answers', SOON_MS);
      expect(await peersOf(laptop)).toEqual(['router.acme.holdfast.internal.']);
      const found = await laptop.cli('dns', 'query', 'router.acme.holdfast.internal');
      expect(found).toContain(address);

      const back = await laptop.address();
      expect(await answers('router', back)).toBe(false);
      const listed = Devices.parse(await rival.ask('GET', '/api/v2/tailnet/-/devices?isExternal=true'));
      expect(listed.devices.map(({ name }) => name)).toEqual(['router.acme.holdfast.internal']);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'an open connection ends, and no other begins, when the share is removed',
    async () => {
      const chatter = await network.chatter('laptop', address);
      await until(() => chatter.log().trim() !== '', 'the chatter runs', SOON_MS);
      await acme.ask('DELETE', `/api/v2/device-invites/${invite}`);
      const gone = (from: RealDevice) => async (): Promise<boolean> => (await peersOf(from)).length === 0;
      await until(gone(laptop), 'the peer is gone', CUT_WITHIN_MS);
      await until(gone(given), 'the guest is gone', CUT_WITHIN_MS);
      const said = chatter.log();
      await sleep(REFUSED_MS);
      expect(chatter.log()).toBe(said);
      process.kill(chatter.pid);
      expect(await answers('laptop', address)).toBe(false);
    },
    TEST_TIMEOUT_MS,
  );
});
