import type { Json, Prefix } from './scalars.ts';

/** One line of a node's packet filter: `DstPorts` opens ports, or `CapGrant` grants capabilities, never both. */
export interface FilterRule {
  /** `*`, an address, a CIDR, a range `a-b`, or `cap:<node capability>`. */
  SrcIPs: readonly string[];
  DstPorts?: readonly NetPortRange[];
  /** Absent = TCP, UDP and both ICMPs. */
  IPProto?: readonly number[];
  CapGrant?: readonly CapGrant[];
}

export interface NetPortRange {
  IP: string;
  Ports: PortRange;
}

/** Inclusive; 0 to 65535 means any, also for protocols without ports. */
export interface PortRange {
  First: number;
  Last: number;
}

export interface CapGrant {
  Dsts: readonly Prefix[];
  Caps?: readonly string[];
  CapMap?: CapMap;
}

/** Capability to its arguments; a null or empty list grants it without any. */
export type CapMap = Readonly<Record<string, readonly Json[] | null>>;
