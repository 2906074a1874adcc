/**
 * The leases by which server processes on one database know of each other. A process that stops renewing is lost, and
 * exactly one of the others is given its leftovers. All times are the database's own, so that clocks may differ.
 */
export interface LostReplica {
  readonly replica: string;
  /** Names this claim; `settle` does nothing when another process has claimed since. */
  readonly fence: number;
}

export interface ReplicaLeases {
  /**
   * Holds the lease of `replica` for another `ttlMs`. `created`: there was none (the first time, or others have settled
   * it as lost); `claimed`: another process took it for lost and is busy settling it.
   */
  renew(replica: string, ttlMs: number): Promise<'renewed' | 'created' | 'claimed'>;
  /** Claims up to `limit` expired leases for `by`; each is claimed by one process at a time. */
  claimLost(by: string, ttlMs: number, limit: number): Promise<readonly LostReplica[]>;
  /** The lost replica's things are taken over: its lease is deleted. */
  settle(lost: LostReplica): Promise<void>;
  /** Ends the lease now; whoever looks next takes over. */
  expire(replica: string): Promise<void>;
  /** Ends all leases but this one: for a process that knows that it is alone. */
  expireOthers(replica: string): Promise<void>;
  /** Gives an expired lease to every replica that presence names and that has none, as after a restore. */
  adoptOrphans(): Promise<void>;
}
