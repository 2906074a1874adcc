// Who is asked for flow logs. A client that was told to keep its logs drops off the network when it is asked for them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatKey } from '../../src/control/noise/index.ts';
import { removeDevice } from '../../src/domain/devices/device-removal.ts';
import type { Netmap, TestDevice } from '../client/index.ts';
import { type ControlServer, startControlServer } from '../support/control-server.ts';
import { ENGINES } from '../support/engines.ts';

const SOON_MS = 5_000;
/** Longer than processes need to hear of a setting. */
const LONG_AGO_MS = 20_000;
const CAPABILITY = 'https://tailscale.com/cap/data-plane-audit-logs';
const PRIVATE_ID = /^[0-9a-f]{64}$/u;

const isAsked = ({ self }: Netmap): boolean => self?.CapMap?.[CAPABILITY] !== undefined;

describe.each(ENGINES)('flow logs on %s', (engine) => {
  let server: ControlServer;
  beforeEach(async () => {
    server = await startControlServer(engine);
  });
  afterEach(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  const want = (value: boolean, agoMs = LONG_AGO_MS): Promise<void> =>
    server.write(async (tx) => {
      const org = server.organization.id;
      await tx.put('setting', { org, name: 'network_flow_logging', value, updatedAt: Date.now() - agoMs });
      tx.audit(org, { verb: 'update', objectKind: 'setting', objectId: 'x', objectName: 'x' });
    });
  let made = 0;
  /** As when the client's process was ended and started again. */
  const restart = async (device: TestDevice): Promise<Netmap> => {
    made += 1;
    device.drop();
    await device.register();
    await device.update({ discoKey: formatKey('disco', new Uint8Array(32).fill(made)) });
    return device.startMap();
  };
  /** The network says something to the device, which by then would know of all that came before. */
  const settle = async (device: TestDevice): Promise<void> => {
    made += 1;
    const name = `other-${made}`;
    await server.joined(name);
    await device.waitFor(
      (map) => [...map.peers.values()].some(({ Name }) => Name.startsWith(name)),
      SOON_MS,
      name,
    );
  };

  it('keeps the logs of clients at home while nobody wants them, and never asks a process that was told so', async () => {
    const alpha = await server.joined('alpha');
    expect(alpha.netmap().logTailDisabled).toBe(true);
    expect(isAsked(alpha.netmap())).toBe(false);
    await want(true);
    await settle(alpha);
    expect(isAsked(alpha.netmap())).toBe(false);
    // The same process again, over a new connection.
    await alpha.reconnect();
    await settle(alpha);
    expect(isAsked(alpha.netmap())).toBe(false);
  });

  it('asks it once its process is another', async () => {
    const alpha = await server.joined('alpha');
    await want(true);
    const map = await restart(alpha);
    expect(map.logTailDisabled).toBe(false);
    await alpha.waitFor(isAsked, SOON_MS, 'the capability');
    await alpha.reconnect();
    await alpha.waitFor(isAsked, SOON_MS, 'the capability after a new connection');
    expect(alpha.netmap().logTailDisabled).toBe(false);
  });

  it('gives each device an id of its own that no other learns, and asks no more when nobody wants it', async () => {
    await want(true);
    const alpha = await server.joined('alpha');
    const beta = await server.joined('beta');
    for (const device of [alpha, beta]) await device.waitFor(isAsked, SOON_MS, 'the capability');
    const [first, second] = [alpha, beta].map((device) => device.netmap().self?.DataPlaneAuditLogID);
    expect(first).toMatch(PRIVATE_ID);
    expect(second).toMatch(PRIVATE_ID);
    expect(first).not.toBe(second);
    expect(JSON.stringify(beta.messages())).not.toContain(first);
    const domains = [alpha, beta].map((device) =>
      device
        .messages()
        .map(({ DomainDataPlaneAuditLogID }) => DomainDataPlaneAuditLogID)
        .find(Boolean),
    );
    expect(domains[0]).toMatch(PRIVATE_ID);
    expect(domains[1]).toBe(domains[0]);

    await want(false);
    await alpha.waitFor((map) => !isAsked(map), SOON_MS, 'the end of the capability');
    expect(alpha.netmap().self?.DataPlaneAuditLogID).toBeUndefined();
    // Told nothing meanwhile, it can be asked again.
    await alpha.reconnect();
    expect(alpha.netmap().logTailDisabled).toBe(false);
    await want(true);
    await alpha.waitFor(isAsked, SOON_MS, 'the capability again');
  });

  it('does not ask a client whose owner keeps its logs', async () => {
    await want(true);
    const alpha = await server.joined('alpha', { hostinfo: { NoLogsNoSupport: true } });
    await restart(alpha);
    await settle(alpha);
    expect(isAsked(alpha.netmap())).toBe(false);
  });

  it('leaves a client alone that begins before every process can know of the setting', async () => {
    await want(true, 0);
    const alpha = await server.joined('alpha');
    await settle(alpha);
    expect(isAsked(alpha.netmap())).toBe(false);
    expect(alpha.netmap().logTailDisabled).toBe(false);
  });

  it('does not ask a process that was told before its device was deleted', async () => {
    const alpha = await server.joined('alpha');
    const { id } = await server.row(alpha);
    await want(true);
    const row = await server.row(alpha);
    await server.write(async (tx) => {
      await removeDevice(tx, row);
      tx.audit(server.organization.id, {
        verb: 'delete',
        objectKind: 'device',
        objectId: id,
        objectName: 'alpha',
      });
    });
    await alpha.waitForEnd(SOON_MS);
    await alpha.join();
    await settle(alpha);
    expect((await server.row(alpha)).id).not.toBe(id);
    expect(isAsked(alpha.netmap())).toBe(false);
  });
});
