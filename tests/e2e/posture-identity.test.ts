// A real client whose person switches the collection of serial numbers on: it says nothing of that by itself, and is asked.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Server } from '../support/holdfast.ts';
import { BUILD_TIMEOUT_MS, whyNoRealClients } from '../support/real-clients.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import { unless } from '../support/requirements.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { createNetwork, type Network } from './network.ts';
import { NewKey } from './wire.ts';

const SOON_MS = 20_000;
/** A minute, and twice as much as the rest may take. */
const ASKED_AGAIN_MS = 100_000;

const missing = unless(await whyNoRealClients());

describe('a real client that is asked for its serial numbers', missing, () => {
  let network: Network;
  let server: Server;
  let laptop: RealDevice;
  let rest: Rest;

  /** What the client has answered so far; this machine may have no serial number to tell. */
  const answers = (): string[] =>
    [...laptop.log().matchAll(/posture identity disabled=(?<disabled>true|false)/gu)].map(
      ({ groups }) => groups?.disabled ?? '',
    );

  beforeAll(async () => {
    network = await createNetwork();
    const { api_key: token } = await network.initialise('acme');
    server = await network.startServer();
    rest = network.rest(token);
    const create = { reusable: true, ephemeral: false, preauthorized: true };
    const { key: authKey } = NewKey.parse(
      await rest.ask('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } }),
    );
    laptop = await startDevice(network.world, network.clients, 'laptop');
    await laptop.up({ loginServer: LOGIN_SERVER, authKey });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await server?.stop();
    await network?.end();
  });

  test('answers when the organization begins to collect them, and again after its person allowed it', {
    timeout: SOON_MS + ASKED_AGAIN_MS,
  }, async () => {
    expect(answers()).toEqual([]);
    await rest.ask('PATCH', '/api/v2/tailnet/-/settings', { postureIdentityCollectionOn: true });
    await expect.poll(() => answers().at(-1), { timeout: SOON_MS }).toBe('true');
    await laptop.cli('set', '--posture-checking=true');
    await expect.poll(() => answers().at(-1), { timeout: ASKED_AGAIN_MS }).toBe('false');
  });
});
