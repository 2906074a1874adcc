/**
 * What the policy is applied to: plain data about one organization, handed in by the control plane. Nothing here knows
 * of the store. Ids are the installation's integers; texts of addresses and prefixes are canonical or get ignored.
 */
import type { Attributes } from './posture.ts';

export type Role =
  | 'owner'
  | 'admin'
  | 'network-admin'
  | 'it-admin'
  | 'support'
  | 'access-reviewer'
  | 'billing-admin'
  | 'auditor'
  | 'member'
  | 'device-user';

/** A membership. A suspended one's devices are cut off. */
export interface UserInput {
  readonly id: number;
  /** The login that policies name: an e-mail address or `name@local`. */
  readonly login: string;
  readonly role: Role;
  readonly suspended?: boolean;
}

/** A group of the model; the file names it `group:<key>@<domain>`. Groups that a file defines are not among these. */
export interface GroupInput {
  readonly id: number;
  readonly key: string;
  readonly label: string;
  readonly active: boolean;
  readonly members: readonly number[];
}

export type DeviceOwner =
  | { readonly kind: 'membership'; readonly id: number }
  | { readonly kind: 'tags' }
  | { readonly kind: 'service-account'; readonly id: number }
  | { readonly kind: 'gateway'; readonly id: number };

export type ExternalKind = 'guest' | 'shared-in' | 'both';

/** Somebody with whom a device is shared; `exit`: also as an exit node. */
export interface Recipient {
  readonly user: number;
  readonly exit: boolean;
}

export interface DeviceInput {
  readonly id: number;
  readonly owner: DeviceOwner;
  readonly tags: readonly string[];
  readonly addresses: readonly string[];
  /** Prefixes that the device offers to route. */
  readonly advertised: readonly string[];
  /** Prefixes enabled on it, by hand or by autoApprovers; only those also advertised count. */
  readonly approved: readonly string[];
  readonly attributes: Attributes;
  /** Edge-only devices are outside the wildcards of the file. */
  readonly class: 'normal' | 'edge-only';
  /** False takes the device out of everything. */
  readonly authorized: boolean;
  /** So does a key that has ended, where that is asked about: maps keep such a device, and clients drop it by themselves. */
  readonly expired?: boolean;
  /**
   * Of another organization: a guest belongs to somebody with whom a device here is shared, and is a source only; what is
   * shared in belongs to others and is shared with somebody here, and is a destination only. Where two people share with
   * each other, a device is both.
   */
  readonly external?: ExternalKind;
  /** With whom it is shared: people of other organizations, or for what is shared in, people of this one. */
  readonly audience?: readonly Recipient[];
  /** The person whose shares the device takes part in: a guest's, or the owner here of what sees devices shared in. */
  readonly recipient?: number;
  /** The login of an external device's person, where their organization vouches for it. */
  readonly externalLogin?: string;
  /**
   * A plain client behind a gateway, which this device is: a source like its owner's devices, but outside of wildcards,
   * and nobody's peer: its packets come through the gateway.
   */
  readonly behind?: number;
  /**
   * Relay regions, its home first and the nearest next, of a device whose routes go through the carrier in its region.
   * Where no device has any, routes go through their ordinary carrier.
   */
  readonly regions?: readonly number[];
  /** Whether it is connected; asked only of what carries routes by region. */
  readonly online?: boolean;
}

export interface NetworkInput {
  readonly id: number;
  readonly slug: string;
  readonly active: boolean;
  /** Its gateways that offer an exit node are one, for those alone to whom something of the network is open. */
  readonly exit?: boolean;
}

export interface GatewayInput {
  readonly id: number;
  readonly network: number;
  /** The device that serves as this gateway now, if its binding is current. */
  readonly device: number | undefined;
  /** Addresses of plain WireGuard clients behind it. */
  readonly clientAddresses?: readonly string[];
}

export interface PortSpan {
  readonly start: number;
  readonly end: number;
}

/** Ports of one protocol: all, or a list (an empty list closes the protocol). */
export type PortRules = 'all' | readonly PortSpan[];

export interface ResourceProtocols {
  readonly icmp: boolean;
  readonly tcp: PortRules;
  readonly udp: PortRules;
}

export interface ResourceInput {
  readonly id: number;
  readonly network: number;
  readonly active: boolean;
  /** An address, a prefix, a DNS name or a pattern of names. */
  readonly address: string;
  /** Addresses that the network's gateways have found for a name. */
  readonly resolved?: readonly string[];
  readonly protocols: ResourceProtocols;
  /** Reached by holders of a role on the whole network, unless access to it needs more than membership. */
  readonly networkWide: boolean;
  readonly accessMode?: 'manual' | 'auto-lock' | 'access-request';
}

/** An access edge that is in force now: expiry, locks and requests are settled before it gets here. */
export interface EdgeInput {
  readonly id: number;
  readonly resource: number;
  readonly principal: { readonly kind: 'group' | 'service-account'; readonly id: number };
  /** Posture conditions that must all hold, in the language of `postures`. */
  readonly conditions?: readonly string[];
  /** Only these members of the group, where access is opened person by person; undefined is everybody. */
  readonly members?: readonly number[];
}

/** A network role that opens a network (or all of them) to a group. */
export interface NetworkRoleInput {
  readonly id: number;
  readonly group: number;
  readonly network: number | undefined;
}

export interface ServiceInput {
  /** With its prefix, `svc:`. */
  readonly name: string;
  readonly addresses: readonly string[];
  /** Devices that are approved to host it. */
  readonly hosts: readonly number[];
}

/** Who carries a prefix now. `network` is 0 for routes outside of networks. */
export interface PrimaryInput {
  readonly network: number;
  readonly prefix: string;
  readonly device: number | undefined;
}

export interface WorldSettings {
  /** Domains of the organization: `user:*@domain` and `localpart:*@domain` may name them. */
  readonly domains: readonly string[];
  /** `edges-only`: the file's wildcards cover neither resources nor edge-only devices. */
  readonly resourceOpening: 'edges-only' | 'as-file';
  /** Blocks that edge-only devices get their addresses from; cut out of `*` once there is such a device. */
  readonly edgeOnlyBlocks: readonly string[];
  readonly httpsEnabled: boolean;
}

export const DEFAULT_SETTINGS: WorldSettings = {
  domains: [],
  resourceOpening: 'edges-only',
  edgeOnlyBlocks: ['100.127.0.0/16'],
  httpsEnabled: false,
};
