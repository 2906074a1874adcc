import type { Change } from './store.ts';

/**
 * Follows the change feed of organizations for this process. A listener gets every change after the sequence it started
 * from, in order and once. Changes of this process arrive with its commits; those of others within the polling period.
 */
export interface Follower {
  /**
   * `afterSeq` must have been read before whatever the listener will apply the changes to. `onLost` is called when changes
   * were pruned before they could be delivered (the process stood still for longer than they are kept): whatever was built
   * from the feed must be built anew; the changes that are left follow.
   */
  follow(
    org: number,
    afterSeq: number,
    listener: (changes: readonly Change[]) => void,
    onLost?: () => void,
  ): () => void;
  /** Resolves when everything committed before the call has reached the listeners; rejects when the feed cannot be read. */
  settled(org: number): Promise<void>;
  close(): void;
}
