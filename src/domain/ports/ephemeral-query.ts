/** Ephemeral devices that nobody has seen for a while, over all organizations. */
export interface EphemeralQuery {
  /** Those that are offline since before `before`, or that registered before it and never connected. */
  absentSince(
    before: number,
    limit: number,
  ): Promise<readonly { readonly org: number; readonly device: number }[]>;
}
