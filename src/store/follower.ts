/** The follower over a store's feed: hints make it fast, polling makes it right. */
import type { Follower } from '../domain/ports/follower.ts';
import type { Change, ChangeFeed } from '../domain/ports/store.ts';

const POLL_MS = 250;
const READ_LIMIT = 1_000;

interface Subscription {
  seq: number;
  readonly listener: (changes: readonly Change[]) => void;
  readonly onLost: () => void;
}

interface Followed {
  readonly subscriptions: Set<Subscription>;
  reading: Promise<void> | undefined;
  /** Asked for again while reading. */
  again: boolean;
}

export interface FollowerOptions {
  readonly feed: Pick<ChangeFeed, 'heads' | 'page' | 'onCommit'>;
  readonly onError: (error: unknown) => void;
  readonly pollMs?: number;
}

/** A stretch of the feed: everything after `after` up to `through`. */
interface Stretch {
  readonly after: number;
  readonly through: number;
  readonly changes: readonly Change[];
  readonly prunedThrough: number;
}

export function createFollower({ feed, onError, pollMs = POLL_MS }: FollowerOptions): Follower {
  const followed = new Map<number, Followed>();
  let closed = false;
  let polling = false;

  // One listener's defect must not keep the others from their changes.
  const shielded = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      onError(error);
    }
  };

  const deliver = (entry: Followed, stretch: Stretch): void => {
    // A copy: listeners may follow and unfollow.
    for (const subscription of [...entry.subscriptions]) {
      if (!entry.subscriptions.has(subscription)) continue;
      // One that began further back, while this was being read, has to be read for again.
      if (subscription.seq < stretch.after || subscription.seq >= stretch.through) continue;
      const { seq } = subscription;
      subscription.seq = stretch.through;
      if (stretch.prunedThrough > seq) shielded(subscription.onLost);
      const fresh = stretch.changes.filter((change) => change.seq > seq);
      if (fresh.length > 0) shielded(() => subscription.listener(fresh));
    }
  };

  const lowest = (entry: Followed): number =>
    Math.min(...[...entry.subscriptions].map((subscription) => subscription.seq));

  const isOver = (entry: Followed): boolean => closed || entry.subscriptions.size === 0;

  const readAll = async (org: number, entry: Followed): Promise<void> => {
    try {
      do {
        entry.again = false;
        for (let end = false; !end && !isOver(entry); ) {
          const after = lowest(entry);
          const page = await feed.page(org, after, READ_LIMIT);
          if (isOver(entry)) return;
          deliver(entry, { after, ...page });
          end = page.end;
        }
      } while (entry.again && !isOver(entry));
    } finally {
      // In the same step as the last look at `again`: a call after this one starts a reading of its own.
      entry.reading = undefined;
    }
  };

  const catchUp = (org: number, entry: Followed): Promise<void> => {
    entry.again = true;
    if (entry.reading === undefined) {
      const reading = readAll(org, entry);
      entry.reading = reading;
    }
    return entry.reading;
  };
  const catchUpSoon = (org: number, entry: Followed): void => {
    catchUp(org, entry).catch(onError);
  };

  const stopHints = feed.onCommit((org, changes) => {
    const entry = followed.get(org);
    if (entry === undefined || closed) return;
    const first = changes?.[0];
    const last = changes?.at(-1);
    const follows =
      first !== undefined &&
      entry.reading === undefined &&
      [...entry.subscriptions].every((subscription) => subscription.seq >= first.seq - 1);
    // Commits of several connections may be told out of order: a gap is filled from the database.
    if (follows && changes !== undefined && last !== undefined) {
      deliver(entry, { after: first.seq - 1, through: last.seq, changes, prunedThrough: 0 });
    } else catchUpSoon(org, entry);
  });

  const poll = async (): Promise<void> => {
    if (polling || followed.size === 0) return;
    polling = true;
    try {
      const heads = await feed.heads([...followed.keys()]);
      for (const [org, entry] of followed) {
        if (entry.subscriptions.size > 0 && (heads.get(org) ?? 0) > lowest(entry)) catchUpSoon(org, entry);
      }
    } catch (error) {
      if (!closed) onError(error);
    } finally {
      polling = false;
    }
  };
  const timer = setInterval(() => void poll(), pollMs);
  timer.unref();

  return {
    follow: (org, afterSeq, listener, onLost) => {
      let entry = followed.get(org);
      if (entry === undefined) {
        entry = { subscriptions: new Set(), reading: undefined, again: false };
        followed.set(org, entry);
      }
      const lost = (): void =>
        onError(new Error(`changes of organization ${org} were pruned before they were followed`));
      const subscription: Subscription = { seq: afterSeq, listener, onLost: onLost ?? lost };
      const own = entry;
      own.subscriptions.add(subscription);
      catchUpSoon(org, own);
      return () => {
        own.subscriptions.delete(subscription);
        if (own.subscriptions.size === 0 && followed.get(org) === own) followed.delete(org);
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
