/**
 * The outbox's rows for webhooks, and how far each endpoint has been sent them. A row for all endpoints stands once; each
 * endpoint has a place in the order of the rows, so a row costs the same whatever the number of endpoints.
 */
import type { Device } from '../model/devices.ts';

export interface QueuedEntry {
  readonly org: number;
  readonly id: number;
  /** Rises with the order in which writes of the organization were committed. */
  readonly seq: number;
  /** An endpoint's id, or '' for all. */
  readonly target: string;
  readonly payload: unknown;
  readonly createdAt: number;
}

/** An endpoint has been sent everything for all up to `seq`. */
export interface WebhookCursor {
  readonly webhook: number;
  readonly seq: number;
  /** Failed tries since the last that succeeded. */
  readonly attempt: number;
  /** Not to be tried before, milliseconds since 1970. */
  readonly runAt: number;
}

/** A line of the delivery log. */
export interface DeliveryLine {
  /** Event types, separated by commas. */
  readonly event: string;
  /** Of the answer, if there was one. */
  readonly status: number | null;
  readonly error: string | null;
  readonly attempt: number;
  readonly at: number;
}

/** What came of a try at one endpoint. */
export interface DeliveryOutcome {
  readonly org: number;
  /** Null: the endpoint is gone for good. */
  readonly cursor: WebhookCursor | null;
  readonly webhook: number;
  readonly log: readonly DeliveryLine[];
  /** Ids of rows that were for this endpoint alone and are done. */
  readonly done: readonly number[];
}

export interface WebhookQueue {
  /** Organizations that have rows. */
  organizations(): Promise<readonly number[]>;
  /** Rows for all endpoints after `afterSeq`, in order. */
  shared(org: number, afterSeq: number, limit: number): Promise<readonly QueuedEntry[]>;
  /** Rows for single endpoints, in order. */
  addressed(org: number, limit: number): Promise<readonly QueuedEntry[]>;
  cursors(org: number): Promise<readonly WebhookCursor[]>;
  /** One transaction. A place never goes back: a process that lost its lease may still note what it sent. */
  record(outcomes: readonly DeliveryOutcome[]): Promise<void>;
  /** Removes rows for all endpoints up to `seq`, and rows before the newest `keep`. How many. */
  prune(org: number, throughSeq: number, keep: number): Promise<number>;
  /** Of an endpoint's delivery log the newest `keep` lines stay. */
  pruneLog(org: number, webhook: number, keep: number): Promise<void>;
}

/** A right that one process of those that share the database has at a time. */
export interface NamedLease {
  /** Takes or renews it for `ttlMs`. False: another process has it. */
  hold(ttlMs: number): Promise<boolean>;
  release(): Promise<void>;
}

/** Keys of devices that end, over all organizations that have webhooks. */
export interface ExpiryFinder {
  /** Devices whose key ends after `from` and not after `to`, in order of (organization, id) after `after`. */
  ending(
    from: number,
    to: number,
    after: { readonly org: number; readonly id: number } | undefined,
    limit: number,
  ): Promise<readonly Device[]>;
}
