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
  /** Milliseconds of a clock that is never set. */
  readonly monotonic?: () => number;
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

/** By the clock of the process, and by one that is never set. */
interface Moment {
  readonly wall: number;
  readonly steady: number;
}

const POLL_MS = SECOND;
/** After a write: what else it brings comes along. */
const LINGER_MS = 100;
const LEASE_MS = 15 * SECOND;
const RENEW_MS = 5 * SECOND;
const CLOSE_GRACE_MS = 2 * SECOND;

export function createLeasedLoop(parts: LeasedLoopParts): LeasedLoop {
  const { lease, clock, feed, isHint, round, onTaken, settled, onError } = parts;
  const { pollMs = POLL_MS, lingerMs = LINGER_MS, monotonic = () => performance.now() } = parts;
  const stop = new AbortController();
  const hinted = new Set<number>();
  let closed = false;
  let looping: Promise<void> = Promise.resolve();
  let wakeUp = (): void => undefined;
  let heldSince: Moment | undefined;
  /** Counts the times that the lease was not ours, or may not have been. */
  let losses = 0;
  let asked: Moment | undefined;
  let polled: Moment | undefined;

  const moment = (): Moment => ({ wall: clock.now(), steady: monotonic() });
  /** A clock that is set back makes no lease last longer; and only the one that can be set goes on while a machine sleeps. */
  const age = (of: Moment | undefined): number =>
    of === undefined ? Number.POSITIVE_INFINITY : Math.max(clock.now() - of.wall, monotonic() - of.steady);

  const wake = (org: number): void => {
    hinted.add(org);
    wakeUp();
  };
  const isOurs = (): boolean => !closed && age(heldSince) < LEASE_MS;
  const turn = (): (() => boolean) => {
    const begun = losses;
    return () => losses === begun && isOurs();
  };

  const held = async (): Promise<boolean> => {
    if (age(asked) < (heldSince === undefined ? pollMs : RENEW_MS)) return isOurs();
    const now = moment();
    const wasOurs = age(heldSince) < LEASE_MS;
    const has = await lease.hold(LEASE_MS);
    if (!has || !wasOurs) {
      losses += 1;
      onTaken();
    }
    heldSince = has ? now : undefined;
    asked = now;
    return has;
  };

  const look = async (): Promise<void> => {
    const woken = [...hinted];
    hinted.clear();
    const polls = age(polled) >= pollMs;
    if (polls) polled = moment();
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
