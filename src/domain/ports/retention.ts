/** How long what the store keeps beside the present state is kept. */
export interface RetentionWindows {
  /** Changes of volatile kinds (presence, last use): needed by followers alone. At least `MIN_FEED_MS`. */
  readonly volatileMs: number;
  /** All other changes: the window in which the organization can be shown as of any time. At least `volatileMs`. */
  readonly historyMs: number;
  /** Outbox rows that were given up. */
  readonly deadMs: number;
  readonly flowLogMs: number;
}

export interface Pruned {
  readonly changes: number;
  readonly outbox: number;
  readonly flowLogs: number;
}

export interface Retention {
  /** Removes what is older than its window, some hundred rows a transaction. Errors: `invalid`. */
  prune(windows: RetentionWindows): Promise<Pruned>;
}
