// The alphabet of the control protocol's JSON. These are names for documentation, not checks: what arrives from a
// client is text until something has parsed it (keys: control/noise).
//
// How Go's encoder reads, and so what "absent" means on this wire:
// - A field marked `?` is left out by clients when it is empty, zero or false, and a server may leave it out likewise.
// - `null` where an array or object may stand is the same as absence, unless the field says otherwise.
// - Unknown fields are ignored by both sides, so adding one is always safe.

/** `nodekey:` and 64 hex digits; 64 zeros mean "none". */
export type NodeKeyText = string;
/** `mkey:` and 64 hex digits. */
export type MachineKeyText = string;
/** `discokey:` and 64 hex digits. Changes at every start of a client. */
export type DiscoKeyText = string;
/** `nlpub:` and 64 hex digits, an Ed25519 key of tailnet lock. */
export type NetworkLockKeyText = string;

/** Positive, below 2^53, never used again for another node. */
export type NodeId = number;
/** Opaque, stable. SSH principals and a client's choice of exit node refer to it. */
export type StableNodeId = string;
export type UserId = number;

/** Grows by one with every change of what a client understands; 113 is release 1.80, 142 is 1.102. */
export type CapabilityVersion = number;

/** `10.0.0.0/8`, `fd7a:115c:a1e0::1/128`; host bits are zero. */
export type Prefix = string;
/** `192.0.2.1:41641`, `[2001:db8::1]:41641`. */
export type AddrPort = string;
export type IpText = string;

/** RFC 3339. Go's zero time, `0001-01-01T00:00:00Z`, means "not set". */
export type Timestamp = string;

/** Standard base64; Go's encoding of a byte slice. */
export type Base64 = string;

/** A three-state flag of Go's `opt.Bool`: true, false, or absent for "not known". */
export type OptionalBool = boolean;

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
