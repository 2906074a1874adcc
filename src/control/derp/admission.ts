/** Who may use the relay: nodes that the installation knows, as long as it does. */
import { keyEnd } from '../../domain/devices/key-expiry.ts';
import type { Device } from '../../domain/model/devices.ts';
import type { Follower } from '../../domain/ports/follower.ts';
import type { Change, Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';

export interface Admission {
  isKnownNode(nodeKey: string): Promise<boolean>;
  /**
   * Undefined when the node may not use the relay. Else `onRevoked` is called once when that ends (deleted, expired, blocked,
   * another key), unless the returned function is called before.
   */
  admit(nodeKey: string, onRevoked: () => void): Promise<(() => void) | undefined>;
  /** Finds keys that have expired since the last call. */
  sweep(): void;
  close(): void;
}

export interface AdmissionParts {
  readonly store: Pick<Store, 'lookup' | 'feed'>;
  readonly follower: Follower;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

interface Hold {
  readonly nodeKey: string;
  readonly revoke: () => void;
  /** Undefined: never. */
  expiresAt: number | undefined;
}

interface Followed {
  readonly holds: Map<string, Set<Hold>>;
  /** How many holds there are or are about to be. */
  users: number;
  readonly ready: Promise<unknown>;
  unfollow: () => void;
}

const expiryOf = (device: Device): number | undefined => keyEnd(device) ?? undefined;

export function createAdmission({ store, follower, clock, onError }: AdmissionParts): Admission {
  const organizations = new Map<number, Followed>();

  const isPermitted = (device: Device | undefined): device is Device =>
    device !== undefined &&
    device.blockedAt === null &&
    (expiryOf(device) ?? Number.POSITIVE_INFINITY) > clock.now();
  const find = (nodeKey: string) => store.lookup('device', 'nodeKey', nodeKey);

  const revoke = (holds: Followed['holds'], nodeKey: string): void => {
    const affected = holds.get(nodeKey);
    holds.delete(nodeKey);
    for (const hold of affected ?? []) hold.revoke();
  };

  const judge = (holds: Followed['holds'], nodeKey: string, device: Device | undefined): void => {
    if (!isPermitted(device) || device.nodeKey !== nodeKey) revoke(holds, nodeKey);
    else for (const hold of holds.get(nodeKey) ?? []) hold.expiresAt = expiryOf(device);
  };

  const apply = (holds: Followed['holds'], changes: readonly Change[]): void => {
    for (const change of changes) {
      if (change.kind !== 'device') continue;
      const { before, after } = change;
      if (before !== null && holds.has(before.nodeKey)) judge(holds, before.nodeKey, after ?? undefined);
    }
  };

  /** The feed has a gap: asks anew for all. */
  const askAgain = async (holds: Followed['holds']): Promise<void> => {
    for (const nodeKey of [...holds.keys()]) judge(holds, nodeKey, await find(nodeKey));
  };

  const follow = (org: number): Followed => {
    let followed = organizations.get(org);
    if (followed === undefined) {
      const holds: Followed['holds'] = new Map();
      const start = async (): Promise<void> => {
        const from = (await store.feed.heads([org])).get(org) ?? 0;
        if (organizations.get(org) !== followed || followed === undefined) return;
        followed.unfollow = follower.follow(
          org,
          from,
          (changes) => apply(holds, changes),
          () => void askAgain(holds).catch(onError),
        );
      };
      followed = { holds, users: 0, unfollow: () => undefined, ready: Promise.resolve().then(start) };
      organizations.set(org, followed);
    }
    followed.users += 1;
    return followed;
  };
  const leave = (org: number, followed: Followed): void => {
    followed.users -= 1;
    if (followed.users > 0) return;
    if (organizations.get(org) === followed) organizations.delete(org);
    followed.unfollow();
  };

  return {
    isKnownNode: async (nodeKey) => isPermitted(await find(nodeKey)),
    admit: async (nodeKey, onRevoked) => {
      const device = await find(nodeKey);
      if (!isPermitted(device)) return undefined;
      const followed = follow(device.org);
      let state: 'asked' | 'held' | 'over' = 'asked';
      const end = (): void => {
        if (state === 'over') return;
        state = 'over';
        const sameKey = followed.holds.get(nodeKey);
        sameKey?.delete(hold);
        if (sameKey?.size === 0) followed.holds.delete(nodeKey);
        leave(device.org, followed);
      };
      const hold: Hold = {
        nodeKey,
        expiresAt: expiryOf(device),
        revoke: () => {
          const wasHeld = state === 'held';
          end();
          if (wasHeld) onRevoked();
        },
      };
      const sameKey = followed.holds.get(nodeKey) ?? new Set();
      followed.holds.set(nodeKey, sameKey.add(hold));
      try {
        await followed.ready;
        // Asked again: a change before the feed was followed was not heard of, and one since then has ended the hold.
        if (!isPermitted(await find(nodeKey))) end();
      } catch (error) {
        end();
        throw error;
      }
      if (state !== 'asked') return undefined;
      state = 'held';
      return end;
    },
    sweep: () => {
      const now = clock.now();
      for (const { holds } of organizations.values()) {
        for (const [nodeKey, same] of holds) {
          const [first] = same;
          if (first?.expiresAt !== undefined && first.expiresAt <= now) revoke(holds, nodeKey);
        }
      }
    },
    close: () => {
      for (const followed of organizations.values()) followed.unfollow();
      organizations.clear();
    },
  };
}
