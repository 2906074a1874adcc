/** Where a replica left devices online, over all organizations. */
export interface PresenceQuery {
  /** Organizations that have rows of this replica with a device online. */
  organizationsOf(replica: string): Promise<readonly number[]>;
}
