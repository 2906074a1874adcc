/** Tokens by which a device says to others who it is (OpenID Connect id tokens). They open nothing here. */
export interface IdentityTokens {
  /** Signed by a key of the organization's own. */
  sign(org: number, claims: Readonly<Record<string, unknown>>): Promise<string>;
  /** The public halves of the organization's keys, as RFC 7517 writes them. Errors: `not_found` (no such organization). */
  published(org: number): Promise<readonly Readonly<Record<string, string>>[]>;
}
