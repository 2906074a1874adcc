/**
 * Work that one process of those that share a database does at a time, for all organizations: it has a lease, looks for work
 * now and then, and sooner when something was written here. When the process goes, another takes over from what the
 * database says.
 */
import type { Change, ChangeFeed } from '../domain/ports/store.ts';
import type { NamedLease } from '../domain/ports/webhook-queue.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';

export interface LeasedLoopParts {
  readonly lease: NamedLease;
  readonly clock: Clock;
  readonly feed: Pick<ChangeFeed, 'onCommit'>;
  /** Whether a commit of this process may have brought work. */
  readonly isHint: (changes: readonly Change[]) => boolean;
  /** Begins what is due. `woken`: the organizations that may have work; undefined: any may. */
  readonly round: (woken: readonly number[] | undefined) => Promise<void>;
  /** The lease was another's in the meantime, or is: what is remembered of the work is old. */
  readonly onTaken: () => void;
  /** Ends what is under way: resolves when it has ended, at once after `signal` was aborted. */
  readonly settled: () => Promise<unknown>;
  readonly onError: (error: unknown) => void;
  readonly pollMs?: number;
  readonly lingerMs?: number;
}

export interface LeasedLoop {
  start(): void;
  /** There may be more to do for an organization. */
  wake(org: number): void;
  /** Whether work may begin now. */
  isOurs(): boolean;
  /**
   * For work that begins now: whether it may still go on. Once the lease was lost it may not, even if it is ours again: what
   * was read for it may be done by another process since.
   */
  turn(): () => boolean;
  /** Aborted when the process stops and what is under way did not end. */
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

const POLL_MS = SECOND;
/** After a write: what else it brings comes along. */
const LINGER_MS = 100;
const LEASE_MS = 15 * SECOND;
const RENEW_MS = 5 * SECOND;
const CLOSE_GRACE_MS = 2 * SECOND;

export function createLeasedLoop(parts: LeasedLoopParts): LeasedLoop {
  const { lease, clock, feed, isHint, round, onTaken, settled, onError } = parts;
  const { pollMs = POLL_MS, lingerMs = LINGER_MS } = parts;
  const stop = new AbortController();
  const hinted = new Set<number>();
  let closed = false;
  let looping: Promise<void> = Promise.resolve();
  let wakeUp = (): void => undefined;
  let heldUntil = 0;
  /** Counts the times that the lease was not ours, or may not have been. */
  let losses = 0;
  let renewAt = 0;
  let polledAt = 0;

  const wake = (org: number): void => {
    hinted.add(org);
    wakeUp();
  };
  const isOurs = (): boolean => !closed && clock.now() < heldUntil;
  const turn = (): (() => boolean) => {
    const begun = losses;
    return () => losses === begun && isOurs();
  };

  const held = async (): Promise<boolean> => {
    const now = clock.now();
    if (now < renewAt) return isOurs();
    const has = await lease.hold(LEASE_MS);
    if (!has || now >= heldUntil) {
      losses += 1;
      onTaken();
    }
    heldUntil = has ? now + LEASE_MS : 0;
    renewAt = now + (has ? RENEW_MS : pollMs);
    return has;
  };

  const look = async (): Promise<void> => {
    const woken = [...hinted];
    hinted.clear();
    const polls = clock.now() >= polledAt + pollMs;
    if (polls) polledAt = clock.now();
    await round(polls ? undefined : woken);
  };

  /** Until something was written, or for the polling period. */
  const pause = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, hinted.size > 0 ? 0 : pollMs);
      timer.unref();
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (hinted.size > 0 && !closed) await new Promise((resolve) => setTimeout(resolve, lingerMs));
  };

  const loop = async (): Promise<void> => {
    while (!closed) {
      try {
        if (await held()) await look();
      } catch (error) {
        onError(error);
      }
      if (!closed) await pause();
    }
  };

  const stopHints = feed.onCommit((org, changes) => {
    if (changes !== undefined && isHint(changes)) wake(org);
  });

  return {
    start: () => {
      looping = loop();
    },
    wake,
    isOurs,
    turn,
    signal: stop.signal,
    close: async () => {
      closed = true;
      stopHints();
      wakeUp();
      await looping;
      const ended = settled();
      const timer = setTimeout(() => stop.abort(), CLOSE_GRACE_MS);
      await ended;
      clearTimeout(timer);
      await lease.release();
    },
  };
}
