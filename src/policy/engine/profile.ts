import type { ExternalKind } from '../world.ts';
import type { Bits } from './bits.ts';
import type { CapMap } from './output.ts';

/** Which rules of one kind a device takes part in, by slot. */
export interface SideBits {
  /** As a source. */
  readonly src: Bits;
  /** As a source that the rule lists by address, so that its addresses are part of the rule's SrcIPs. */
  readonly listed: Bits;
  /** As a destination. */
  readonly dst: Bits;
}

/**
 * A principal class: devices with equal profiles are alike to every rule. Reachability is decided between profiles,
 * never between devices.
 */
export interface Profile {
  readonly key: string;
  readonly net: SideBits;
  readonly ssh: SideBits & {
    /** Those of its rules as a source that let each person in by a name of their own. */
    readonly perUser: Bits;
  };
  /** The destinations of rules that match, by name: a rule may name the device in another way than before. */
  readonly dstNames: string;
  /** Rules to autogroup:self in which the device is a source. */
  readonly self: Bits;
  /** The user whose devices reach each other through such rules; undefined where no rule has it or the device is no person's. */
  readonly selfUser: number | undefined;
  readonly active: boolean;
  /** Clients behind gateways: sources of rules, and nobody's peers. */
  readonly clients: boolean;
  /** For devices of other organizations, and what is shared with them (see DeviceInput). */
  readonly external: ExternalKind | undefined;
  readonly recipient: number | undefined;
  /** Whether each may use it as an exit node. */
  readonly audience: ReadonlyMap<number, boolean> | undefined;
  /** Equal for equal parts in sharing. */
  readonly sharing: string;
  /** The regions through whose carriers its routes go, in this order; empty where routes follow no regions. */
  readonly regions: readonly number[];
  readonly caps: CapMap;
  /** Keys of posture lists that the device fails. */
  readonly failed: ReadonlySet<string>;
  readonly members: Set<number>;
}
