/** Flow logs in the database: too many for the change feed, so they have a way of their own. */

export interface NewFlowLog {
  readonly org: number;
  readonly device: number;
  /** Milliseconds since 1970, by the device's clock. */
  readonly startAt: number;
  readonly endAt: number;
  /** A JSON object: lists of connections by kind of traffic. */
  readonly traffic: string;
}

export interface StoredFlowLog extends NewFlowLog {
  /** Rises with the order of commits in the organization. */
  readonly seq: number;
  /** By the server's clock. */
  readonly loggedAt: number;
}

export interface FlowLogs {
  /** One transaction. What an organization has beyond its bound of bytes goes, the oldest first. */
  append(records: readonly NewFlowLog[], loggedAt: number): Promise<void>;
  countSpoofed(org: number, entries: number): Promise<void>;
  /** Logged from `from` to `to`, both included, in the order of these times. `after`: the last of the page before. */
  between(
    org: number,
    range: { readonly from: number; readonly to: number },
    after: Pick<StoredFlowLog, 'loggedAt' | 'seq'> | undefined,
    limit: number,
  ): Promise<readonly StoredFlowLog[]>;
  /** After `afterSeq`, in order. */
  after(org: number, afterSeq: number, limit: number): Promise<readonly StoredFlowLog[]>;
}
