import type { Device, JoinFacts } from '../model/devices.ts';
import type { Membership } from '../model/people.ts';

export interface JoinRequest extends JoinFacts {
  readonly authKey: string | null;
}

export type JoinOutcome =
  | { readonly kind: 'joined'; readonly device: Device; readonly owner: Membership | null }
  /** The client makes a new key and asks again. */
  | { readonly kind: 'key-expired' }
  /** Nobody vouches for the device: a person must sign in. */
  | { readonly kind: 'login-needed' }
  /** Final; `reason` is shown to the person at the client. */
  | { readonly kind: 'refused'; readonly reason: string };

/** A device as the policy sees it when it joins. */
export interface JoiningDevice {
  readonly membership: number | null;
  readonly tags: readonly string[];
}

/** What the policy has to say when a device joins. */
export interface JoinPolicy {
  /** Whether a device of this owner may ask for these tags. */
  mayRequestTags(org: number, membership: number, tags: readonly string[]): Promise<boolean>;
  /** Which prefixes the policy approves by itself for a device with this owner and tags. */
  autoApproved(org: number, device: JoiningDevice, prefixes: readonly string[]): Promise<ReadonlySet<string>>;
  /** The prefixes that a device with this owner and tags gets its IPv4 address from; none: any. */
  addressPools(org: number, device: JoiningDevice): Promise<readonly string[]>;
  /** The names of the services that the policy lets a device with these tags serve, by the service's name or one of its tags. */
  autoApprovedServices(
    org: number,
    device: JoiningDevice,
    services: readonly { readonly name: string; readonly tags: readonly string[] }[],
  ): Promise<ReadonlySet<string>>;
}
