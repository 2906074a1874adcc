/** Tokens by which a workload's own provider says who it is (OpenID Connect id tokens). */
export type WorkloadClaims = Readonly<Record<string, unknown>>;

export interface WorkloadTokens {
  /**
   * The claims of a token that the issuer signed and that has not ended.
   * Errors: `forbidden`, with words for the person whose token was refused; `unavailable` when the issuer is not reached.
   */
  verify(issuer: string, token: string): Promise<WorkloadClaims>;
}
