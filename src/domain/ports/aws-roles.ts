/** Roles in others' AWS accounts that this installation may take on. */

export interface AwsSession {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface RoleRequest {
  readonly roleArn: string;
  /** Undefined: without one. */
  readonly externalId: string | undefined;
  readonly region: string;
}

export type RoleAttempt =
  | { readonly session: AwsSession; readonly expiresAt: number }
  /** `denied`: the role's trust policy does not let us in; else something was wrong with the request. */
  | { readonly denied: boolean; readonly reason: string };

export interface AwsRoles {
  /** The installation's own account; undefined: it has none. */
  readonly account: AwsSession | undefined;
  /** Rejects when there is no account, or no answer. */
  assume(request: RoleRequest, signal?: AbortSignal): Promise<RoleAttempt>;
}
