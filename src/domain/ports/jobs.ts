/**
 * Work that follows from writes, kept in the database until it is done: the outbox (rows of the very transaction that
 * caused them) and jobs. Any number of processes may claim; an item is in one process's hands until its lock expires, and
 * after that in another's, so whatever is done with it must bear being done twice.
 */
import type { OutboxEntry } from './store.ts';

export interface Claimed {
  readonly org: number;
  readonly id: number;
  readonly payload: unknown;
  /** Of tries that were begun, this one included: 1 the first time. */
  readonly attempt: number;
  /** Who holds it; the item is given back by what this says and `attempt`. */
  readonly lockedBy: string;
}

export interface ClaimedOutbox extends Claimed {
  readonly kind: OutboxEntry['kind'];
  readonly target: string;
  readonly createdAt: number;
}

export interface ClaimedJob extends Claimed {
  readonly kind: string;
  readonly maxAttempts: number;
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
interface Queue<Item extends Claimed> {
  complete(item: Item): Promise<boolean>;
  fail(item: Item, failure: Failure): Promise<boolean>;
  extend(item: Item, lockMs: number): Promise<boolean>;
}

export interface Outbox extends Queue<ClaimedOutbox> {
  claim(kind: OutboxEntry['kind'], options: ClaimOptions): Promise<ClaimedOutbox[]>;
}

export interface NewJob {
  readonly kind: string;
  readonly payload: unknown;
  /** Now, unless said. */
  readonly runAt?: number;
  readonly maxAttempts?: number;
}

export interface Jobs extends Queue<ClaimedJob> {
  /** Resolves with the job's id. Jobs that follow from a write belong in the outbox instead. */
  add(org: number, job: NewJob): Promise<number>;
  claim(kind: string, options: ClaimOptions): Promise<ClaimedJob[]>;
}
