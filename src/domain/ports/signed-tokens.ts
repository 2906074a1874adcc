/** Access tokens that are signed instead of stored. They say who; what that may do is looked up with each use. */

export interface TokenSubject {
  /** The public id of the credential that it was got with: the token ends with it. */
  readonly credential: string;
  /** External ids, for whoever reads the token. */
  readonly subject: string;
  readonly organization: string;
}

export interface SignedTokens {
  /** `issuer`: this installation's origin, as its clients know it. Times in ms. */
  sign(
    subject: TokenSubject,
    options: { readonly issuer: string; readonly expiresAt: number },
  ): Promise<string>;
  /** Undefined for anything that was not signed here, is meant for something else, or has expired. */
  verify(token: string): Promise<{ readonly credential: string; readonly expiresAt: number } | undefined>;
}
