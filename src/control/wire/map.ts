import type { DerpMap } from './derp.ts';
import type { DnsConfig } from './dns.ts';
import type { FilterRule } from './filter.ts';
import type { Hostinfo } from './hostinfo.ts';
import type { Node, PeerChange } from './node.ts';
import type {
  AddrPort,
  Base64,
  CapabilityVersion,
  DiscoKeyText,
  IpText,
  NodeId,
  NodeKeyText,
  OptionalBool,
  Timestamp,
} from './scalars.ts';
import type { SshPolicy } from './ssh.ts';
import type { UserProfile } from './users.ts';

/**
 * `POST /machine/map`. Three shapes exist: `Stream` opens the long poll; `OmitPeers` without `Stream` is a lite update,
 * answered by an empty 200 and without effect on the poll; neither asks for one message.
 */
export interface MapRequest {
  Version: CapabilityVersion;
  /** "zstd" from every real client; absent or "" asks for plain JSON. */
  Compress?: string;
  KeepAlive?: boolean;
  NodeKey: NodeKeyText;
  DiscoKey?: DiscoKeyText;
  Stream?: boolean;
  Hostinfo?: Hostinfo | null;
  MapSessionHandle?: string;
  MapSessionSeq?: number;
  Endpoints?: readonly AddrPort[] | null;
  /** Parallel to `Endpoints`: 0 unknown, 1 local, 2 STUN, 3 port-mapped, 4 STUN at the local port, 5 explicit. */
  EndpointTypes?: readonly number[] | null;
  TKAHead?: string;
  ReadOnly?: boolean;
  OmitPeers?: boolean;
  DebugFlags?: readonly string[] | null;
  HardwareAttestationKey?: string;
  HardwareAttestationKeySignature?: Base64 | null;
  HardwareAttestationKeySignatureTimestamp?: Timestamp;
}

/**
 * One message of a map stream. State belongs to the stream: its first message (keep-alives aside) carries `Node` and
 * everything else; in later ones an absent or null field means unchanged. Clients apply messages in order. Within one, a
 * non-empty `Peers` makes them ignore the other five peer fields; without it they apply `PeersRemoved`, `PeersChanged`,
 * `PeerSeenChange`, `OnlineChange`, `PeersChangedPatch`, in this order.
 *
 * A peer in `PeersChanged` that differs from the known one only in what a `PeerChange` can carry is taken for such a patch. So
 * (a) fields it leaves out keep their old value: say `Online: false`, `Endpoints: []`, and set or clear `LastSeen` by a patch
 * or `PeerSeenChange`; (b) never name a peer in `PeersRemoved` and `PeersChanged` of one message: it may end up removed.
 */
export interface MapResponse {
  MapSessionHandle?: string;
  Seq?: number;
  /** Of a message with this set clients read nothing else but the five fields marked (also with keep-alive). */
  KeepAlive?: boolean;
  /** (also with keep-alive) Run once for each URL. */
  PingRequest?: PingRequest;
  /** (also with keep-alive) Opened once for each URL. */
  PopBrowserURL?: string;
  /** The viewer itself; replaces it whole. */
  Node?: Node;
  DERPMap?: DerpMap;
  /** Every peer, sorted by ID. `[]` is absence: to say that none is left, name them in `PeersRemoved`. */
  Peers?: readonly Node[];
  /** Peers that are new or replaced whole, sorted by ID. */
  PeersChanged?: readonly Node[];
  PeersRemoved?: readonly NodeId[];
  PeersChangedPatch?: readonly PeerChange[];
  /** True = seen now, false = forget when it was seen. */
  PeerSeenChange?: Readonly<Record<string, boolean>>;
  OnlineChange?: Readonly<Record<string, boolean>>;
  DNSConfig?: DnsConfig;
  Domain?: string;
  CollectServices?: OptionalBool;
  /** The filter named "base"; `[]` (not absence) blocks everything. */
  PacketFilter?: readonly FilterRule[] | null;
  /** Named parts, replaced one by one; null removes a part, and `"*": null` all of them first. */
  PacketFilters?: Readonly<Record<string, readonly FilterRule[] | null>> | null;
  /** New and changed ones only. */
  UserProfiles?: readonly UserProfile[];
  /** `[]` (not absence) clears. Use this or `DisplayMessages`. */
  Health?: readonly string[] | null;
  /** Merged by id; null removes one, and `"*": null` all of them first. */
  DisplayMessages?: Readonly<Record<string, DisplayMessage | null>> | null;
  SSHPolicy?: SshPolicy;
  /** (also with keep-alive) */
  ControlTime?: Timestamp;
  /** Absent in a stream's first message = tailnet lock is off. */
  TKAInfo?: TkaInfo;
  DomainDataPlaneAuditLogID?: string;
  Debug?: DebugSettings;
  /** (also with keep-alive) */
  ControlDialPlan?: ControlDialPlan;
  /** (also with keep-alive) */
  ClientVersion?: ClientVersion;
  DefaultAutoUpdate?: OptionalBool;
}

export interface PingRequest {
  /** Unguessable and different each time. */
  URL: string;
  URLIsNoise?: boolean;
  Log?: boolean;
  /** "" = `HEAD URL`; else a list of disco, TSMP, ICMP, peerapi; or "c2n". */
  Types?: string;
  IP?: IpText;
  /** For "c2n": a raw HTTP/1 request, whose raw answer is posted to `URL`. */
  Payload?: Base64;
}

export interface DisplayMessage {
  Title: string;
  Text: string;
  Severity: 'high' | 'medium' | 'low';
  ImpactsConnectivity?: boolean;
  PrimaryAction?: { URL: string; Label: string };
}

export interface TkaInfo {
  Head?: string;
  Disabled?: boolean;
}

export interface DebugSettings {
  SleepSeconds?: number;
  /** Stops the upload of client logs to the vendor. */
  DisableLogTail?: boolean;
  Exit?: number;
}

export interface ControlDialPlan {
  Candidates: readonly ControlIpCandidate[];
}

export interface ControlIpCandidate {
  IP?: IpText;
  ACEHost?: string;
  DialStartDelaySec?: number;
  DialTimeoutSec?: number;
  Priority?: number;
}

export interface ClientVersion {
  RunningLatest?: boolean;
  LatestVersion?: string;
  UrgentSecurityUpdate?: boolean;
  Notify?: boolean;
  NotifyURL?: string;
  NotifyText?: string;
}
