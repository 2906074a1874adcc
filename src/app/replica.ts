/**
 * This process among those that share the database. While it runs it renews a lease; it also looks for leases that
 * others let expire, and has whoever registered with `onLost` take over what they left.
 */
import type { ReplicaLeases } from '../domain/ports/replica-leases.ts';
import { SECOND } from '../kernel/clock.ts';
import { type Random, randomNanoId } from '../kernel/random.ts';

/** How long others wait before they hold this process for lost. */
const TTL_MS = 15 * SECOND;
const RENEW_MS = 4 * SECOND;
/** Rows that an old backup or a lost lease left without one are looked for at the start and this often. */
const ORPHANS_EVERY = 15;
const CLAIMS_AT_ONCE = 8;

export interface Replica {
  /** Unique to this run of the program. */
  readonly id: string;
  /**
   * Called in one live process for each lost one; may be called again for the same when it rejects, so it must be
   * idempotent: touch only rows that still name the lost replica. Register before `start`.
   */
  onLost(callback: (replica: string) => Promise<void>): void;
  /** Others had taken this process for lost (it stood still, or the database was away): it must assert its presence again. */
  onRegained(callback: () => void): void;
  /** Takes the lease; resolves when it is held. */
  start(): Promise<void>;
  /** Gives the lease up, so that others take over at once. */
  close(): Promise<void>;
}

export interface ReplicaParts {
  readonly leases: ReplicaLeases;
  readonly random: Random;
  /** The process owns its database alone (SQLite): whatever other leases it finds are of the dead. */
  readonly alone: boolean;
  readonly onError: (error: unknown) => void;
  readonly ttlMs?: number;
  readonly renewMs?: number;
}

export function createReplica(parts: ReplicaParts): Replica {
  const { leases, alone, onError, ttlMs = TTL_MS, renewMs = RENEW_MS } = parts;
  const id = randomNanoId(parts.random);
  const lostListeners: ((replica: string) => Promise<void>)[] = [];
  const regainedListeners: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  let ticks = 0;
  let closed = false;

  const takeOver = async (): Promise<void> => {
    for (const lost of await leases.claimLost(id, ttlMs, CLAIMS_AT_ONCE)) {
      for (const listener of lostListeners) await listener(lost.replica);
      // Only now: had a listener failed or this process died, the claim would expire and another would try again.
      await leases.settle(lost);
    }
  };

  const tick = async (): Promise<void> => {
    try {
      const renewal = await leases.renew(id, ttlMs);
      if (renewal === 'created' && ticks > 0) for (const listener of regainedListeners) listener();
      ticks += 1;
      if (ticks % ORPHANS_EVERY === 0) await leases.adoptOrphans();
      await takeOver();
    } catch (error) {
      onError(error);
    }
  };

  const schedule = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      ticking = tick().finally(schedule);
    }, renewMs);
    timer.unref();
  };

  return {
    id,
    onLost: (callback) => {
      lostListeners.push(callback);
    },
    onRegained: (callback) => {
      regainedListeners.push(callback);
    },
    start: async () => {
      await leases.renew(id, ttlMs);
      ticks = 1;
      if (alone) await leases.expireOthers(id);
      await leases.adoptOrphans();
      ticking = takeOver().catch(onError).finally(schedule);
      await ticking;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await ticking;
      await leases.expire(id);
    },
  };
}
