import type { Hostinfo } from './hostinfo.ts';
import type { Base64, CapabilityVersion, NetworkLockKeyText, NodeKeyText, Timestamp } from './scalars.ts';
import type { Login, User } from './users.ts';

/** Answer to `GET /key?v=…`. */
export interface ServerKeys {
  /** All zeros: the protocol before Noise is gone. */
  legacyPublicKey: string;
  publicKey: string;
}

/** First bytes a server may send inside a fresh Noise session. */
export interface EarlyNoise {
  /** `chalpub:` and 64 hex digits. No client answers it today. */
  nodeKeyChallenge: string;
}

/** `POST /machine/register`. */
export interface RegisterRequest {
  Version: CapabilityVersion;
  NodeKey: NodeKeyText;
  /** 64 zeros = none. */
  OldNodeKey?: NodeKeyText;
  NLKey?: NetworkLockKeyText;
  Auth?: RegisterAuth | null;
  /** Go's zero time = not set; in the past = log this key out (clients send 1970-01-01T00:02:03Z). */
  Expiry?: Timestamp;
  /** The `AuthURL` of an earlier answer: hold the request until that login is decided. "" = none. */
  Followup?: string;
  Hostinfo?: Hostinfo | null;
  Ephemeral?: boolean;
  NodeKeySignature?: Base64 | null;
  SignatureType?: number;
  Timestamp?: Timestamp | null;
  DeviceCert?: Base64 | null;
  Signature?: Base64 | null;
  /** The organization the user asked for; `required:` before it means no other will do. */
  Tailnet?: string;
}

export interface RegisterAuth {
  AuthKey?: string;
  Oauth2Token?: {
    access_token: string;
    token_type?: string;
    refresh_token?: string;
    expiry?: Timestamp;
  } | null;
}

/**
 * Clients look at it in this order: `Error` (shown, then they stop), `NodeKeySignature` (sign again and retry),
 * `NodeKeyExpired` (one retry with a new key), `AuthURL` (pending), else success.
 */
export interface RegisterResponse {
  User: User;
  Login: Login;
  NodeKeyExpired: boolean;
  MachineAuthorized: boolean;
  AuthURL: string;
  NodeKeySignature: Base64 | null;
  Error: string;
}
