import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  certificatePin,
  derpMapOf,
  handleRelayRequest,
  makeCertificate,
  RELAY_NAME,
} from '../control/derp/index.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import { systemClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { createRelaySharing } from './relay-sharing.ts';

function createFacts(): Pick<InstallationFacts, 'get' | 'set'> {
  const facts = new Map<string, string>();
  return {
    get: async (name) => facts.get(name),
    set: async (name, value) => void facts.set(name, value),
  };
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0)) await step();
});

async function startRelay() {
  const certificate = makeCertificate({ names: [RELAY_NAME], clock: systemClock, random: systemRandom });
  const server = createServer({ cert: certificate.certPem, key: certificate.keyPem }, handleRelayRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => new Promise((resolve) => server.close(resolve));
  undo.push(stop);
  const { port } = server.address() as AddressInfo;
  return { port, pin: certificatePin(certificate), stop };
}
const mapAt = (port: number, pin: string) => derpMapOf({ host: '127.0.0.1', port, stunPort: undefined, pin });

describe('one relay for processes on one database', () => {
  test('is told by a process that does not run it', async () => {
    const facts = createFacts();
    const [first, second] = [
      createRelaySharing(facts, () => undefined),
      createRelaySharing(facts, () => undefined),
    ];
    undo.push(first.close, second.close);
    expect(await second.isServed()).toBe(false);
    const { port, pin } = await startRelay();
    await first.publish(mapAt(port, pin));
    expect(await second.isServed()).toBe(true);
    await second.start();
    expect(second.map()).toEqual(mapAt(port, pin));
  });

  test('is another, and whoever hands it out hears of that once', async () => {
    const facts = createFacts();
    const first = createRelaySharing(facts, () => undefined);
    const second = createRelaySharing(facts, () => undefined, undefined, 5);
    undo.push(first.close, second.close);
    await first.publish(mapAt(1_000, 'one'));
    let heard = 0;
    await second.start(() => {
      heard += 1;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toBe(0);
    await first.publish(mapAt(2_000, 'two'));
    await expect.poll(() => heard).toBe(1);
    expect(second.map()).toEqual(mapAt(2_000, 'two'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toBe(1);
  });

  test('is not there when it does not answer, or another answers in its place', async () => {
    const sharing = createRelaySharing(createFacts(), () => undefined);
    undo.push(sharing.close);
    const { port, pin, stop } = await startRelay();
    await sharing.publish(mapAt(port, `sha256-raw:${'00'.repeat(32)}`));
    expect(await sharing.isServed()).toBe(false);
    await sharing.publish(mapAt(port, pin));
    expect(await sharing.isServed()).toBe(true);
    await stop();
    expect(await sharing.isServed()).toBe(false);
  });
});
