import type { Policy } from '../ast.ts';
import type {
  DeviceInput,
  EdgeInput,
  GatewayInput,
  GroupInput,
  NetworkInput,
  NetworkRoleInput,
  PrimaryInput,
  ResourceInput,
  ServiceInput,
  UserInput,
  WorldSettings,
} from '../world.ts';

/** One thing that became different. Each carries the whole new state of its subject. */
export type Change =
  | { readonly kind: 'device'; readonly device: DeviceInput }
  | { readonly kind: 'device-removed'; readonly id: number }
  | { readonly kind: 'user'; readonly user: UserInput }
  | { readonly kind: 'user-removed'; readonly id: number }
  | { readonly kind: 'group'; readonly group: GroupInput }
  | { readonly kind: 'group-removed'; readonly id: number }
  | { readonly kind: 'network'; readonly network: NetworkInput }
  | { readonly kind: 'network-removed'; readonly id: number }
  | { readonly kind: 'gateway'; readonly gateway: GatewayInput }
  | { readonly kind: 'gateway-removed'; readonly id: number }
  | { readonly kind: 'resource'; readonly resource: ResourceInput }
  | { readonly kind: 'resource-removed'; readonly id: number }
  | { readonly kind: 'edge'; readonly edge: EdgeInput }
  | { readonly kind: 'edge-removed'; readonly id: number }
  | { readonly kind: 'role'; readonly role: NetworkRoleInput }
  | { readonly kind: 'role-removed'; readonly id: number }
  | { readonly kind: 'service'; readonly service: ServiceInput }
  | { readonly kind: 'service-removed'; readonly name: string }
  | { readonly kind: 'primary'; readonly primary: PrimaryInput }
  | { readonly kind: 'settings'; readonly settings: WorldSettings }
  | { readonly kind: 'policy'; readonly policy: Policy };

/** A set of devices that is cheap to make. Read it before the next change is applied. */
export interface DeviceSet extends Iterable<number> {
  readonly size: number;
  has(device: number): boolean;
}

/** Whose view of one device is different now (it appeared, vanished, or looks different). */
export interface SubjectChange {
  readonly subject: number;
  readonly viewers: DeviceSet;
}

/**
 * What a change did to the outputs. It names every device whose output is different, and (but for `viewers`) none whose
 * output is the same.
 */
export interface ChangeSet {
  /** Devices whose packet filter is different. */
  readonly filters: DeviceSet;
  /** Devices whose SSH policy is different. */
  readonly ssh: DeviceSet;
  /** Devices whose own addresses, routes or capabilities are different, new ones included. */
  readonly self: DeviceSet;
  /** Devices whose standing changed, so that their view of any peer may have: compare all their peers. */
  readonly viewers: DeviceSet;
  /** For all other viewers: which devices look different, and to whom. Computed as it is read. */
  subjects(): Iterable<SubjectChange>;
}
