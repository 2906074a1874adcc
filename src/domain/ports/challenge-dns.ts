/** The DNS server in which the public finds what devices publish for certificates. */
export interface ChallengeDns {
  /** The domain that it answers for now, with all names in it; undefined: for none. */
  domain(): string | undefined;
  /**
   * Makes the texts at a name known, in place of what was there. Resolves when that server answers with them. Errors:
   * `unavailable`.
   */
  publish(name: string, values: readonly string[]): Promise<void>;
}
