/**
 * Work that follows from writes, kept in the database until it is done: rows of the very transaction that caused them. Any
 * number of processes may claim; an item is in one process's hands until its lock expires, and after that in another's, so
 * whatever is done with it must bear being done twice.
 */
import type { OutboxEntry } from './store.ts';

export interface ClaimedOutbox {
  readonly org: number;
  readonly id: number;
  readonly kind: OutboxEntry['kind'];
  readonly target: string;
  readonly payload: unknown;
  readonly createdAt: number;
  /** Of tries that were begun, this one included: 1 the first time. */
  readonly attempt: number;
  /** Who holds it; the item is given back by what this says and `attempt`. */
  readonly lockedBy: string;
}

export interface ClaimOptions {
  /** Names the process. */
  readonly holder: string;
  /** At most this many, the longest due first. */
  readonly limit: number;
  readonly lockMs: number;
}

/** What became of a try: again at a time (milliseconds since 1970), or given up. */
export type Failure =
  | { readonly error: string; readonly retryAt: number }
  | { readonly error: string; readonly dead: true };

/** `complete`, `fail` and `extend` say false when the lock had passed to another, and then change nothing. */
export interface Outbox {
  claim(kind: OutboxEntry['kind'], options: ClaimOptions): Promise<ClaimedOutbox[]>;
  complete(item: ClaimedOutbox): Promise<boolean>;
  fail(item: ClaimedOutbox, failure: Failure): Promise<boolean>;
  extend(item: ClaimedOutbox, lockMs: number): Promise<boolean>;
}
