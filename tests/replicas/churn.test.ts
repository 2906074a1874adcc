// Fifty devices on two processes do random things to themselves while the policy changes; afterwards every device's map has
// to say what the database says.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Node } from '../../src/control/wire/index.ts';
import { isLongRun } from '../support/requirements.ts';
import { type ChurningDevice, createChurningDevice, seededRandom } from './churning-device.ts';
import { differences, type PolicyName, policyFile, readExpected } from './expected-network.ts';
import { type Replicas, type RoamingDevice, startReplicas } from './replicas.ts';

const DEVICES = 50;
const CHURN_MS = isLongRun() ? 300_000 : 30_000;
const POLICY_EVERY_MS = 3_000;
const POLICIES: readonly PolicyName[] = ['open', 'tiers', 'members'];
/** A device that left counts as offline after ten seconds. */
const GRACE_MS = 12_000;
const SETTLE_MS = 20_000;
const SHOWN = 12;
const POLL_MS = 250;

/** What may differ between the map of a stream and a new one: when an absent device was last seen, and forms of nothing. */
function comparable({ LastSeen: _seen, ...node }: Node): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node).filter(
      ([, value]) => value !== '' && value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** How the peers that a stream has told of differ from those of a new map. */
async function staleness(device: RoamingDevice): Promise<string[]> {
  const fresh = new Map((await device.fetchMap()).Peers?.map((peer) => [peer.ID, peer]) ?? []);
  const held = device.netmap().peers;
  const ids = new Set([...fresh.keys(), ...held.keys()]);
  return [...ids].flatMap((id) => {
    const [was, is] = [held.get(id), fresh.get(id)];
    if (was === undefined || is === undefined) return [`${id} is only in the ${is ? 'new' : 'old'} map`];
    try {
      expect(comparable(was)).toEqual(comparable(is));
      return [];
    } catch (error) {
      return [`${id}: ${error instanceof Error ? error.message : error}`];
    }
  });
}

describe(`${DEVICES} devices on two processes, ${CHURN_MS / 1000} s of churn`, () => {
  let replicas: Replicas;
  beforeAll(async () => {
    replicas = await startReplicas();
  });
  afterAll(() => replicas?.close());

  test('end with maps that say what the database says', { timeout: CHURN_MS + 180_000 }, async () => {
    const seed = Number(process.env.HOLDFAST_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    console.log(`the churn's seed is ${seed} (HOLDFAST_TEST_SEED)`);
    const random = seededRandom(seed);
    let policy: PolicyName = 'open';
    let policies = 0;
    const save = async (name: PolicyName): Promise<void> => {
      policy = name;
      policies += 1;
      const rest = replicas.rest[random() < 0.5 ? 0 : 1];
      await rest.ask('POST', '/api/v2/tailnet/-/acl', policyFile(name));
    };
    await save('open');
    const keys = {
      member: await replicas.authKey({ reusable: true }),
      ephemeral: await replicas.authKey({ reusable: true, ephemeral: true }),
      web: await replicas.authKey({ reusable: true, tags: ['tag:web'] }),
      db: await replicas.authKey({ reusable: true, tags: ['tag:db'] }),
    };
    const devices: ChurningDevice[] = Array.from({ length: DEVICES }, (_, index) =>
      createChurningDevice(replicas, keys, index, seededRandom(seed + index + 1)),
    );

    const end = performance.now() + CHURN_MS;
    const isOver = (): boolean => performance.now() > end;
    const churnPolicy = async (): Promise<void> => {
      while (!isOver()) {
        await sleep(random() * 2 * POLICY_EVERY_MS);
        await save(POLICIES[Math.floor(random() * POLICIES.length)] ?? 'open');
      }
    };
    await Promise.all([churnPolicy(), ...devices.map((device) => device.run(isOver))]);

    const done = new Map<string, number>();
    for (const device of devices)
      for (const [name, times] of device.done) done.set(name, (done.get(name) ?? 0) + times);
    console.log(`${policies} policies, ${[...done].map(([name, times]) => `${times} ${name}`).join(', ')}`);
    await sleep(GRACE_MS);

    const connected = devices.filter((device) => !device.isAway());
    const wrong = async (): Promise<string[]> => {
      const network = await readExpected(replicas.store, replicas.org, 'acme', policy);
      return connected.flatMap((device) => {
        const own = device.current();
        const id = own?.netmap().self?.ID ?? 0;
        return own === undefined ? [] : differences(network, id, own.netmap()).map((line) => `${id} ${line}`);
      });
    };
    const stale = async (): Promise<string[]> => {
      const lines: string[] = [];
      for (const device of connected) {
        const own = device.current();
        if (own === undefined) continue;
        lines.push(...(await staleness(own)).map((line) => `${own.netmap().self?.ID} ${line}`));
      }
      return lines;
    };
    for (const name of [policy, ...POLICIES]) {
      if (name !== policy) await save(name);
      const deadline = performance.now() + SETTLE_MS;
      let left = await wrong();
      while (left.length > 0 && performance.now() < deadline) {
        await sleep(POLL_MS);
        left = await wrong();
      }
      if (left.length > 0)
        left.push(`against new maps: ${(await stale()).slice(0, SHOWN).join('; ') || 'none'}`);
      expect(
        [...left.slice(0, SHOWN), ...left.slice(SHOWN).slice(-1)],
        `${left.length} differences under the policy "${name}"`,
      ).toEqual([]);
    }

    const misjudged = async (): Promise<string[]> => {
      const presence = await replicas.store.find('presence', replicas.org, { online: true });
      const online = new Set(presence.map(({ device }) => device));
      return devices.flatMap((device) => {
        const id = device.current()?.netmap().self?.ID ?? 0;
        return online.has(id) === !device.isAway()
          ? []
          : [`device ${id} counts as ${online.has(id) ? 'online' : 'offline'}`];
      });
    };
    await expect.poll(misjudged, { timeout: SETTLE_MS, interval: POLL_MS }).toEqual([]);
    expect(connected.length).toBeGreaterThan(DEVICES / 2);
    await expect.poll(stale, { timeout: SETTLE_MS, interval: POLL_MS }).toEqual([]);
    expect(devices.reduce((sum, { unexpectedEnds }) => sum + unexpectedEnds, 0)).toBe(0);
  });
});
