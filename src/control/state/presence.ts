/**
 * Which devices are connected here. A device that loses its stream has a moment to come back before the others hear of it:
 * networks change, laptops wake, servers restart.
 */
import type { Presence } from '../../domain/model/devices.ts';
import type { PresenceQuery } from '../../domain/ports/presence-query.ts';
import type { Store } from '../../domain/ports/store.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import type { LiveWriter } from './live-writer.ts';

/** The time a device has to come back before it counts as offline. */
const GRACE_MS = 10 * SECOND;
const CONTROL = { kind: 'system', id: '', name: 'control' } as const;

export interface PresenceKeeper {
  /** A stream of the device opened here; `known` is what the snapshot says. */
  connected(org: number, device: number, known: Presence | undefined): void;
  /** The device went elsewhere and came back before this process heard of it. */
  claim(org: number, device: number): void;
  /** The device has a stream here, whatever the others believe: this process may have been taken for lost meanwhile. */
  assert(org: number, device: number, known: Presence | undefined): void;
  disconnected(org: number, device: number): void;
  /** Another replica is gone: what it left online goes offline, unless it came back elsewhere meanwhile. */
  takeOver(replica: string): void;
  stop(): void;
}

export interface PresenceKeeperParts {
  readonly store: Store;
  readonly query: PresenceQuery;
  readonly writer: LiveWriter;
  readonly clock: Clock;
  readonly replica: string;
  readonly onError: (error: unknown) => void;
  readonly graceMs?: number;
}

export function createPresenceKeeper(parts: PresenceKeeperParts): PresenceKeeper {
  const { store, query, writer, clock, replica, onError, graceMs = GRACE_MS } = parts;
  const leaving = new Map<string, NodeJS.Timeout>();
  const takeOvers = new Set<NodeJS.Timeout>();
  const keyOf = (org: number, device: number): string => `${org}/${device}`;

  const row = (org: number, device: number, online: boolean): Presence => {
    const now = clock.now();
    return { org, device, replica, online, since: now, lastSeen: now };
  };

  const markLost = async (lost: string): Promise<void> => {
    for (const org of await query.organizationsOf(lost)) {
      await store.write({ orgs: [org], by: CONTROL, origin: 'control' }, async (tx) => {
        for (const left of await tx.find('presence', org, { replica: lost, online: true }, MAX_DEVICES)) {
          // It was connected until its process went: what is counted from here is its absence.
          await tx.put('presence', { ...left, online: false, since: tx.now, lastSeen: tx.now });
        }
      });
    }
  };

  return {
    connected: (org, device, known) => {
      const key = keyOf(org, device);
      clearTimeout(leaving.get(key));
      leaving.delete(key);
      const last = writer.pendingPresence(org, device) ?? known;
      if (last?.online !== true || last.replica !== replica) writer.presence(row(org, device, true));
    },
    claim: (org, device) => writer.presence(row(org, device, true)),
    assert: (org, device, known) => {
      const last = writer.pendingPresence(org, device) ?? known;
      if (last?.online !== true) writer.presence(row(org, device, true));
    },
    disconnected: (org, device) => {
      const key = keyOf(org, device);
      clearTimeout(leaving.get(key));
      const timer = setTimeout(() => {
        leaving.delete(key);
        writer.presence(row(org, device, false));
      }, graceMs);
      timer.unref();
      leaving.set(key, timer);
    },
    takeOver: (lost) => {
      const timer = setTimeout(() => {
        takeOvers.delete(timer);
        markLost(lost).catch(onError);
      }, graceMs);
      timer.unref();
      takeOvers.add(timer);
    },
    stop: () => {
      for (const timer of [...leaving.values(), ...takeOvers]) clearTimeout(timer);
      leaving.clear();
      takeOvers.clear();
    },
  };
}

const MAX_DEVICES = 1_000_000;
