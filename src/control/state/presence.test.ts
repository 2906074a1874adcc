import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Presence } from '../../domain/model/devices.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { LiveWriter } from './live-writer.ts';
import { createPresenceKeeper } from './presence.ts';

const ORG = 1;
const DEVICE = 7;

describe('the presence keeper', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const keeper = () => {
    const said: Presence[] = [];
    let pending: Presence | undefined;
    // Only what the keeper uses of a writer and a store.
    const writer = {
      presence: (row: Presence) => {
        said.push(row);
        pending = row;
      },
      pendingPresence: () => pending,
    } as unknown as LiveWriter;
    const presence = createPresenceKeeper({
      store: {} as Store,
      query: { organizationsOf: async () => [] },
      writer,
      clock: { now: () => Date.now() },
      replica: 'here',
      onError: (error) => {
        throw error;
      },
      graceMs: 1_000,
    });
    return { presence, said, states: () => said.map(({ online }) => online) };
  };
  const row = (replica: string, online: boolean): Presence => ({
    org: ORG,
    device: DEVICE,
    replica,
    online,
    since: 0,
    lastSeen: 0,
  });

  it('says that a device is offline only when the grace is over', () => {
    const { presence, states } = keeper();
    presence.connected(ORG, DEVICE, undefined);
    presence.disconnected(ORG, DEVICE);
    vi.advanceTimersByTime(999);
    expect(states()).toEqual([true]);
    vi.advanceTimersByTime(1);
    expect(states()).toEqual([true, false]);
  });

  it('says nothing of a device that came back within the grace', () => {
    const { presence, states } = keeper();
    presence.connected(ORG, DEVICE, undefined);
    presence.disconnected(ORG, DEVICE);
    vi.advanceTimersByTime(900);
    presence.connected(ORG, DEVICE, row('here', true));
    vi.advanceTimersByTime(5_000);
    expect(states()).toEqual([true]);
  });

  it('counts the grace from the last of several ends', () => {
    const { presence, states } = keeper();
    presence.disconnected(ORG, DEVICE);
    vi.advanceTimersByTime(900);
    presence.disconnected(ORG, DEVICE);
    vi.advanceTimersByTime(900);
    expect(states()).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(states()).toEqual([false]);
  });

  it('takes over a device that others hold for connected elsewhere', () => {
    const { presence, said } = keeper();
    presence.connected(ORG, DEVICE, row('elsewhere', true));
    expect(said.map(({ replica, online }) => [replica, online])).toEqual([['here', true]]);
  });

  it('brings a device back whose absence was said but has not come through the feed', () => {
    const { presence, states } = keeper();
    presence.connected(ORG, DEVICE, undefined);
    presence.disconnected(ORG, DEVICE);
    vi.advanceTimersByTime(1_000);
    // The snapshot still says that it is online here.
    presence.connected(ORG, DEVICE, row('here', true));
    expect(states()).toEqual([true, false, true]);
  });

  it('asserts the presence of a connected device only against those who hold it for offline', () => {
    const { presence, said } = keeper();
    presence.assert(ORG, DEVICE, row('elsewhere', true));
    expect(said).toEqual([]);
    presence.assert(ORG, DEVICE, row('here', false));
    expect(said).toMatchObject([{ replica: 'here', online: true }]);
  });

  it('is silent after it was stopped', () => {
    const { presence, said } = keeper();
    presence.disconnected(ORG, DEVICE);
    presence.stop();
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual([]);
  });
});
