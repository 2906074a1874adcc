/**
 * Requests that wait for a person: each is held open until the row of its question is decided, here or in another process
 * (the change feed says so), until the question ends by itself, or until the client is gone.
 */
import type { EntityKind } from '../domain/model/entities.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';

/** What became of a question; `decision` is undefined as long as nothing did. */
export interface RowState<D extends string> {
  /** The row's key. */
  readonly ref: string;
  readonly decision: D | undefined;
  readonly expiresAt: number;
}

export interface RowWaiters<D extends string> {
  /** `unknown`: no such question of this asker. `gone`: the client left, asked anew, or the server stops. */
  wait(
    org: number,
    stateOf: () => Promise<RowState<D> | undefined>,
    gone: AbortSignal,
  ): Promise<D | 'unknown' | 'gone'>;
  /** Requests that wait. */
  readonly size: number;
  close(): void;
}

export interface RowWaitersParts {
  readonly kind: EntityKind;
  readonly store: Pick<Store, 'feed'>;
  readonly follower: Follower;
  readonly clock: Clock;
}

interface Waiter {
  readonly wake: () => void;
  readonly leave: () => void;
}

interface Following {
  readonly stop: Promise<() => void>;
  users: number;
}

export function createRowWaiters<D extends string>(parts: RowWaitersParts): RowWaiters<D> {
  const { kind, store, follower, clock } = parts;
  /** By organization and row: one waits for each, so there are no more than open questions. */
  const waiters = new Map<string, Waiter>();
  const followings = new Map<number, Following>();
  let closed = false;

  const follow = async (org: number): Promise<() => void> => {
    const heads = await store.feed.heads([org]);
    return follower.follow(
      org,
      heads.get(org) ?? 0,
      (changes) => {
        for (const { kind: changed, key } of changes)
          if (changed === kind) waiters.get(`${org}/${key}`)?.wake();
      },
      () => {
        for (const [key, { wake }] of waiters) if (key.startsWith(`${org}/`)) wake();
      },
    );
  };

  /** The feed of an organization is followed while somebody waits there. */
  const withFeed = async <T>(org: number, work: () => Promise<T>): Promise<T> => {
    const following = followings.get(org) ?? { stop: follow(org), users: 0 };
    followings.set(org, following);
    following.users += 1;
    try {
      await following.stop;
      return await work();
    } finally {
      following.users -= 1;
      if (following.users === 0) {
        followings.delete(org);
        following.stop.then((stop) => stop()).catch(() => undefined);
      }
    }
  };

  /** Resolves at the next change of the row, at its end, or when nobody waits any more. */
  const nextTurn = (key: string, expiresAt: number, gone: AbortSignal): Promise<'again' | 'gone'> =>
    new Promise((resolve) => {
      const settle = (turn: 'again' | 'gone'): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', waiter.leave);
        if (waiters.get(key) === waiter) waiters.delete(key);
        resolve(turn);
      };
      const waiter: Waiter = { wake: () => settle('again'), leave: () => settle('gone') };
      const timer = setTimeout(waiter.wake, Math.max(1, expiresAt - clock.now()));
      timer.unref();
      gone.addEventListener('abort', waiter.leave);
      // A client that lost its connection asks again on a new one; the old request has nobody to answer.
      waiters.get(key)?.leave();
      waiters.set(key, waiter);
    });

  return {
    // The feed first, then the row: a decision between the two would be missed.
    wait: (org, stateOf, gone) =>
      withFeed(org, async () => {
        while (true) {
          const state = await stateOf();
          if (state === undefined) return 'unknown';
          if (state.decision !== undefined) return state.decision;
          if (gone.aborted || closed) return 'gone';
          const key = `${org}/${state.ref}`;
          const turn = nextTurn(key, state.expiresAt, gone);
          // What was decided since the read above woke nobody.
          const present = await stateOf();
          if (present?.decision !== undefined) waiters.get(key)?.wake();
          if ((await turn) === 'gone') return 'gone';
        }
      }),
    get size() {
      return waiters.size;
    },
    close: () => {
      closed = true;
      for (const { leave } of [...waiters.values()]) leave();
    },
  };
}
