import type { Change } from './store.ts';

/**
 * Follows the change feed of organizations for this process. A listener gets every change after the sequence it started
 * from, in order and once. Changes of this process arrive with its commits; those of others within the polling period.
 */
export interface Follower {
  /** `afterSeq` must have been read before whatever the listener will apply the changes to. */
  follow(org: number, afterSeq: number, listener: (changes: readonly Change[]) => void): () => void;
  /** Resolves when everything committed before the call has reached the listeners of the organization. */
  settled(org: number): Promise<void>;
  close(): void;
}
