import { describe, expect, test } from 'vitest';
import type { Device } from '../../domain/model/devices.ts';
import type { Change } from '../../domain/ports/store.ts';
import { type AdmissionParts, createAdmission } from './admission.ts';

const ORG = 7;
const NOW = 1_000_000;
type Facts = Pick<Device, 'id' | 'nodeKey' | 'keyExpiresAt' | 'expiryDisabled' | 'blockedAt'>;

function device(nodeKey: string, changes: Partial<Facts> = {}): Device {
  const facts = { org: ORG, id: 1, nodeKey, keyExpiresAt: null, expiryDisabled: false, blockedAt: null };
  // Of a device the admission reads no more than this.
  return { ...facts, ...changes } as unknown as Device;
}

function createWorld(...present: Device[]) {
  const clock = { now: NOW };
  const devices = new Map(present.map((one) => [one.nodeKey, one]));
  const listeners = new Set<(changes: readonly Change[]) => void>();
  const lost = new Set<() => void>();
  const errors: unknown[] = [];
  /** Runs once, between the admission's two looks at the device. */
  const between: { run: () => void } = { run: () => undefined };
  const store = {
    lookup: async (_kind: string, _column: string, value: string) => devices.get(value),
    feed: {
      heads: async () => {
        between.run();
        return new Map([[ORG, 3]]);
      },
    },
  } as unknown as AdmissionParts['store'];
  const follower: AdmissionParts['follower'] = {
    follow: (_org, _from, listener, onLost = () => undefined) => {
      listeners.add(listener);
      lost.add(onLost);
      return () => {
        listeners.delete(listener);
        lost.delete(onLost);
      };
    },
    settled: async () => undefined,
    close: () => undefined,
  };
  const change = (before: Device, after: Device | undefined): void => {
    devices.delete(before.nodeKey);
    if (after !== undefined) devices.set(after.nodeKey, after);
    const told = { kind: 'device', key: 1, before, after: after ?? null } as unknown as Change;
    for (const listener of listeners) listener([told]);
  };
  const admission = createAdmission({
    store,
    follower,
    clock: { now: () => clock.now },
    onError: (error) => errors.push(error),
  });
  return { admission, change, clock, devices, listeners, lost, errors, between };
}

async function admitted(world: ReturnType<typeof createWorld>, nodeKey: string) {
  let revoked = 0;
  const release = await world.admission.admit(nodeKey, () => {
    revoked += 1;
  });
  return { release, revoked: () => revoked };
}

describe('admission to the relay', () => {
  test.each([
    ['nobody knows', undefined, false],
    ['is known', device('a'), true],
    ['has expired', device('a', { keyExpiresAt: NOW }), false],
    ['expires later', device('a', { keyExpiresAt: NOW + 1 }), true],
    ['would have expired, if its key did', device('a', { keyExpiresAt: NOW, expiryDisabled: true }), true],
    ['is blocked', device('a', { blockedAt: 1 }), false],
  ])('a node that %s', async (_which, present, allowed) => {
    const world = createWorld(...(present === undefined ? [] : [present]));
    expect(await world.admission.isKnownNode('a')).toBe(allowed);
    const { release } = await admitted(world, 'a');
    expect(release !== undefined).toBe(allowed);
  });

  test.each([
    ['is deleted', undefined],
    ['gets another key', device('b')],
    ['is expired', device('a', { keyExpiresAt: NOW - 1 })],
    ['is blocked', device('a', { blockedAt: NOW })],
  ])('ends once, when the node %s', async (_how, after) => {
    const world = createWorld(device('a'));
    const hold = await admitted(world, 'a');
    world.change(device('a'), after);
    world.change(device('a'), undefined);
    expect(hold.revoked()).toBe(1);
    expect(world.listeners.size).toBe(0);
  });

  test('goes on through changes that do not concern it', async () => {
    const world = createWorld(device('a'), device('b'));
    const hold = await admitted(world, 'a');
    world.change(device('b'), undefined);
    world.change(device('a'), device('a', { keyExpiresAt: NOW + 1000 }));
    expect(hold.revoked()).toBe(0);
    world.clock.now += 999;
    world.admission.sweep();
    expect(hold.revoked()).toBe(0);
    world.clock.now += 1;
    world.admission.sweep();
    expect(hold.revoked()).toBe(1);
  });

  test('ends for every connection of the key', async () => {
    const world = createWorld(device('a'));
    const holds = [await admitted(world, 'a'), await admitted(world, 'a')];
    world.change(device('a'), undefined);
    expect(holds.map(({ revoked }) => revoked())).toEqual([1, 1]);
  });

  test('is not given when the node is deleted while it is asked for', async () => {
    const world = createWorld(device('a'));
    world.between.run = () => world.devices.delete('a');
    const hold = await admitted(world, 'a');
    expect(hold.release).toBeUndefined();
    expect(world.listeners.size).toBe(0);
  });

  test('is asked for anew when changes were lost', async () => {
    const world = createWorld(device('a'), device('b'));
    const [a, b] = [await admitted(world, 'a'), await admitted(world, 'b')];
    world.devices.delete('a');
    for (const onLost of world.lost) onLost();
    await new Promise((resolve) => setImmediate(resolve));
    expect([a.revoked(), b.revoked()]).toEqual([1, 0]);
    expect(world.errors).toEqual([]);
  });

  test('follows an organization as long as it has connections', async () => {
    const world = createWorld(device('a'), device('b'));
    const [a, b] = [await admitted(world, 'a'), await admitted(world, 'b')];
    expect(world.listeners.size).toBe(1);
    a.release?.();
    a.release?.();
    expect(world.listeners.size).toBe(1);
    b.release?.();
    expect(world.listeners.size).toBe(0);
    world.change(device('a'), undefined);
    expect(a.revoked()).toBe(0);
  });
});
