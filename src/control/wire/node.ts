import type { DnsResolver } from './dns.ts';
import type { CapMap } from './filter.ts';
import type { Hostinfo } from './hostinfo.ts';
import type {
  AddrPort,
  Base64,
  CapabilityVersion,
  DiscoKeyText,
  IpText,
  MachineKeyText,
  NodeId,
  NodeKeyText,
  Prefix,
  StableNodeId,
  Timestamp,
  UserId,
} from './scalars.ts';

/** A node as one particular viewer may see it: the viewer itself, or a peer. */
export interface Node {
  ID: NodeId;
  StableID: StableNodeId;
  /** Fully qualified, with the trailing dot; clients derive the network's domain from their own. */
  Name: string;
  /** Tagged nodes carry the one pseudo user that all of them share. */
  User: UserId;
  Sharer?: UserId;
  Key: NodeKeyText;
  /** Absent = never expires. */
  KeyExpiry?: Timestamp;
  KeySignature?: Base64;
  Machine?: MachineKeyText;
  DiscoKey?: DiscoKeyText;
  /** The node's own /32 and /128. */
  Addresses: readonly Prefix[];
  /** Addresses and the routes this viewer reaches through the node. null or absent = the addresses; `[]` = nothing. */
  AllowedIPs?: readonly Prefix[] | null;
  Endpoints?: readonly AddrPort[];
  /** `127.3.3.40:<region>`, the form before capability version 111. */
  DERP?: string;
  HomeDERP?: number;
  Hostinfo?: Hostinfo;
  Created?: Timestamp;
  Cap?: CapabilityVersion;
  Tags?: readonly string[];
  /** Of `AllowedIPs`, the subnet routes this node serves now; never the exit routes. */
  PrimaryRoutes?: readonly Prefix[];
  /** Only while the node is offline. */
  LastSeen?: Timestamp;
  /** Absent = not known. */
  Online?: boolean;
  /** False on the viewer's own node makes its client wait for approval; such peers are not sent at all. */
  MachineAuthorized?: boolean;
  /** The old form of `CapMap` keys. */
  Capabilities?: readonly string[];
  CapMap?: CapMap;
  UnsignedPeerAPIOnly?: boolean;
  DataPlaneAuditLogID?: string;
  Expired?: boolean;
  SelfNodeV4MasqAddrForThisPeer?: IpText;
  SelfNodeV6MasqAddrForThisPeer?: IpText;
  /** A plain WireGuard peer without disco. */
  IsWireGuardOnly?: boolean;
  /** The peer may answer but not begin connections. */
  IsJailed?: boolean;
  ExitNodeDNSResolvers?: readonly DnsResolver[];
}

/**
 * A small change of a peer the viewer already has; absent or null leaves that field, and clients drop an entry for a node
 * they do not have. `DERPRegion` and `Cap` cannot be cleared this way: 0 is absence. Clients also drop an entry that holds
 * `DiscoKey`, `Online: false` and a `LastSeen` that is not after the one they know.
 */
export interface PeerChange {
  NodeID: NodeId;
  DERPRegion?: number;
  Cap?: CapabilityVersion;
  /** Replaces the whole map; `{}` empties it. */
  CapMap?: CapMap;
  /** Replaces the list; `[]` empties it. */
  Endpoints?: readonly AddrPort[];
  Key?: NodeKeyText;
  KeySignature?: Base64;
  DiscoKey?: DiscoKeyText;
  Online?: boolean;
  LastSeen?: Timestamp;
  KeyExpiry?: Timestamp;
}
