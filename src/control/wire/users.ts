import type { Timestamp, UserId } from './scalars.ts';

/** The account a node belongs to, as told once in the answer to a registration. */
export interface User {
  ID: UserId;
  DisplayName: string;
  ProfilePicURL?: string;
  Created?: Timestamp;
}

/** The login behind that account. Clients do not use its ID. */
export interface Login {
  ID: number;
  /** "oidc", "google", "github", … */
  Provider: string;
  /** An e-mail address, or something like one (`alice@github`). */
  LoginName: string;
  DisplayName: string;
  ProfilePicURL?: string;
}

/**
 * What a client shows beside a node. Every `Node.User` and `Node.Sharer` that a stream has sent needs its profile sent
 * on that stream, the one shared by tagged nodes included.
 */
export interface UserProfile {
  ID: UserId;
  LoginName: string;
  DisplayName: string;
  ProfilePicURL?: string;
  Groups?: readonly string[];
}
