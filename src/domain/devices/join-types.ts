import type { Device, HostFacts } from '../model/devices.ts';
import type { Membership } from '../model/people.ts';

/** What a client says of the device that it brings in. Keys are texts with their prefixes, already parsed. */
export interface JoinRequest {
  /** Proven by the transport. */
  readonly machineKey: string;
  readonly nodeKey: string;
  readonly authKey: string | null;
  /** The client wants a device that vanishes when it goes. */
  readonly ephemeral: boolean;
  readonly hostname: string;
  readonly os: string;
  readonly clientVersion: string;
  readonly capver: number;
  /** Canonical prefixes. */
  readonly advertised: readonly string[];
  readonly requestTags: readonly string[];
  readonly hostinfo: HostFacts;
  readonly netInfo: HostFacts | null;
  readonly homeDerp: number;
  readonly shieldsUp: boolean;
}

export type JoinOutcome =
  | { readonly kind: 'joined'; readonly device: Device; readonly owner: Membership | null }
  /** The client makes a new key and asks again. */
  | { readonly kind: 'key-expired' }
  /** Nobody vouches for the device: a person must sign in. */
  | { readonly kind: 'login-needed' }
  /** Final; `reason` is shown to the person at the client. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What the policy has to say when a device joins. */
export interface JoinPolicy {
  /** Whether a device of this owner may ask for these tags. */
  mayRequestTags(org: number, membership: number, tags: readonly string[]): Promise<boolean>;
  /** Which prefixes the policy approves by itself for a device with this owner and tags. */
  autoApproved(
    org: number,
    device: { readonly membership: number | null; readonly tags: readonly string[] },
    prefixes: readonly string[],
  ): Promise<ReadonlySet<string>>;
}
