/** Roles in others' AWS accounts that this installation may take on. */

export interface AwsSession {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface RoleRequest {
  /** The organization on whose behalf: the session is named for it, so that the role's owner can tell and can ask for it. */
  readonly org: number;
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
  /**
   * A session that AWS knows by `name` (`arn:aws:sts::<account>:federated-user/<name>`) and that may do nothing but say so:
   * what tells the organizations of an installation apart for those who trust its account. Rejects as `assume` does.
   */
  named(name: string, signal?: AbortSignal): Promise<NamedSession>;
}

export interface NamedSession {
  readonly session: AwsSession;
  readonly arn: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}
