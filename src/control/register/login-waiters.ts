/**
 * Clients that wait for a person: each holds a request open until its pending login is decided, here or in another process
 * (the change feed says so), until the login ends by itself, or until the client is gone.
 */
import type {
  DeviceKeys,
  DeviceLogins,
  LoginDecision,
} from '../../domain/device-logins/device-login-service.ts';
import type { Follower } from '../../domain/ports/follower.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';

export interface LoginWaiters {
  /** `unknown`: no such login of this device. `gone`: the client left, asked anew, or the server stops. */
  wait(id: string, device: DeviceKeys, gone: AbortSignal): Promise<LoginDecision | 'unknown' | 'gone'>;
  /** Clients that wait. */
  readonly size: number;
  close(): void;
}

export interface LoginWaitersParts {
  readonly store: Pick<Store, 'feed'>;
  readonly follower: Follower;
  readonly clock: Clock;
  readonly logins: Pick<DeviceLogins, 'stateOf'>;
}

interface Waiter {
  readonly wake: () => void;
  readonly leave: () => void;
}

export function createLoginWaiters({ store, follower, clock, logins }: LoginWaitersParts): LoginWaiters {
  /** By the pending login's key: one waits for each, so there are no more than pending logins. */
  const waiters = new Map<string, Waiter>();
  let following: Promise<() => void> | undefined;
  let closed = false;

  const follow = async (): Promise<() => void> => {
    const heads = await store.feed.heads([INSTALLATION]);
    return follower.follow(
      INSTALLATION,
      heads.get(INSTALLATION) ?? 0,
      (changes) => {
        for (const { kind, key } of changes) if (kind === 'deviceLogin') waiters.get(key)?.wake();
      },
      () => {
        for (const { wake } of waiters.values()) wake();
      },
    );
  };

  /** Resolves at the next change of the login, at its end, or when nobody waits any more. */
  const nextTurn = (ref: string, expiresAt: number, gone: AbortSignal): Promise<'again' | 'gone'> =>
    new Promise((resolve) => {
      const settle = (turn: 'again' | 'gone'): void => {
        clearTimeout(timer);
        gone.removeEventListener('abort', waiter.leave);
        if (waiters.get(ref) === waiter) waiters.delete(ref);
        resolve(turn);
      };
      const waiter: Waiter = { wake: () => settle('again'), leave: () => settle('gone') };
      const timer = setTimeout(waiter.wake, Math.max(1, expiresAt - clock.now()));
      timer.unref();
      gone.addEventListener('abort', waiter.leave);
      // A client that lost its connection asks again on a new one; the old request has nobody to answer.
      waiters.get(ref)?.leave();
      waiters.set(ref, waiter);
    });

  return {
    wait: async (id, device, gone) => {
      // Before the row is read: a decision between the two would be missed.
      following ??= follow();
      try {
        await following;
      } catch (error) {
        following = undefined;
        throw error;
      }
      while (true) {
        const state = await logins.stateOf(id, device);
        if (state === undefined) return 'unknown';
        if (state.decision !== undefined) return state.decision;
        if (gone.aborted || closed) return 'gone';
        const turn = nextTurn(state.ref, state.expiresAt, gone);
        // What was decided since the read above woke nobody.
        const present = await logins.stateOf(id, device);
        if (present?.decision !== undefined) waiters.get(state.ref)?.wake();
        if ((await turn) === 'gone') return 'gone';
      }
    },
    get size() {
      return waiters.size;
    },
    close: () => {
      closed = true;
      for (const { leave } of [...waiters.values()]) leave();
      following?.then((stop) => stop()).catch(() => undefined);
    },
  };
}
