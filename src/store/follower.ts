/** The follower over a store's feed: hints make it fast, polling makes it right. */
import type { Follower } from '../domain/ports/follower.ts';
import type { Change, ChangeFeed } from '../domain/ports/store.ts';

export const POLL_MS = 250;
const READ_LIMIT = 1_000;

interface Subscription {
  seq: number;
  readonly listener: (changes: readonly Change[]) => void;
}

interface Followed {
  readonly subscriptions: Set<Subscription>;
  reading: Promise<void> | undefined;
  /** Asked for again while reading. */
  again: boolean;
}

export interface FollowerOptions {
  readonly feed: ChangeFeed;
  readonly onError: (error: unknown) => void;
  readonly pollMs?: number;
}

export function createFollower({ feed, onError, pollMs = POLL_MS }: FollowerOptions): Follower {
  const followed = new Map<number, Followed>();
  let closed = false;
  let polling = false;

  const deliver = (entry: Followed, changes: readonly Change[]): void => {
    for (const subscription of entry.subscriptions) {
      const fresh = changes.filter((change) => change.seq > subscription.seq);
      const last = fresh.at(-1);
      if (last === undefined) continue;
      subscription.seq = last.seq;
      try {
        subscription.listener(fresh);
      } catch (error) {
        // One listener's defect must not keep the others from their changes.
        onError(error);
      }
    }
  };

  const lowest = (entry: Followed): number =>
    Math.min(...[...entry.subscriptions].map((subscription) => subscription.seq));

  const readAll = async (org: number, entry: Followed): Promise<void> => {
    do {
      entry.again = false;
      for (;;) {
        if (closed || entry.subscriptions.size === 0) return;
        const changes = await feed.read(org, lowest(entry), READ_LIMIT);
        deliver(entry, changes);
        if (changes.length < READ_LIMIT) break;
      }
    } while (entry.again);
  };

  const catchUp = (org: number, entry: Followed): Promise<void> => {
    entry.again = true;
    entry.reading ??= readAll(org, entry)
      .catch(onError)
      .finally(() => {
        entry.reading = undefined;
      });
    return entry.reading;
  };

  const stopHints = feed.onCommit((org, changes) => {
    const entry = followed.get(org);
    if (entry === undefined || closed) return;
    const first = changes?.[0];
    const follows =
      first !== undefined &&
      entry.reading === undefined &&
      [...entry.subscriptions].every((subscription) => subscription.seq >= first.seq - 1);
    // Commits of several connections may be told out of order: a gap is filled from the database.
    if (follows && changes !== undefined) deliver(entry, changes);
    else void catchUp(org, entry);
  });

  const poll = async (): Promise<void> => {
    if (polling || followed.size === 0) return;
    polling = true;
    try {
      const heads = await feed.heads([...followed.keys()]);
      for (const [org, entry] of followed) {
        if (entry.subscriptions.size > 0 && (heads.get(org) ?? 0) > lowest(entry)) void catchUp(org, entry);
      }
    } catch (error) {
      onError(error);
    } finally {
      polling = false;
    }
  };
  const timer = setInterval(() => void poll(), pollMs);
  timer.unref();

  return {
    follow: (org, afterSeq, listener) => {
      let entry = followed.get(org);
      if (entry === undefined) {
        entry = { subscriptions: new Set(), reading: undefined, again: false };
        followed.set(org, entry);
      }
      const subscription: Subscription = { seq: afterSeq, listener };
      entry.subscriptions.add(subscription);
      void catchUp(org, entry);
      return () => {
        entry.subscriptions.delete(subscription);
        if (entry.subscriptions.size === 0 && followed.get(org) === entry) followed.delete(org);
      };
    },
    settled: async (org) => {
      const entry = followed.get(org);
      if (entry !== undefined) await catchUp(org, entry);
    },
    close: () => {
      closed = true;
      clearInterval(timer);
      stopHints();
    },
  };
}
