import type { OptionalBool, Prefix, StableNodeId } from './scalars.ts';

/** What a client says of its host. A lite update without `NetInfo` leaves the stored one as it was. */
export interface Hostinfo {
  /** The client's version, `1.102.5-t…`. */
  IPNVersion?: string;
  FrontendLogID?: string;
  BackendLogID?: string;
  /** "linux", "macOS", "windows", "iOS", "android", "freebsd", "tvOS", … */
  OS?: string;
  OSVersion?: string;
  Container?: OptionalBool;
  Env?: string;
  Distro?: string;
  DistroVersion?: string;
  DistroCodeName?: string;
  App?: string;
  Desktop?: OptionalBool;
  Package?: string;
  DeviceModel?: string;
  PushDeviceToken?: string;
  /** The host's own name; the node's name is derived from it. */
  Hostname?: string;
  /** The host refuses every incoming connection. */
  ShieldsUp?: boolean;
  /** This node is in the viewer's map only because something was shared with its user. Set by the server. */
  ShareeNode?: boolean;
  NoLogsNoSupport?: boolean;
  RemoteConfig?: boolean;
  WireIngress?: boolean;
  IngressEnabled?: boolean;
  AllowsUpdate?: boolean;
  /** `uname -m`. */
  Machine?: string;
  GoArch?: string;
  GoArchVar?: string;
  GoVersion?: string;
  /** Routes the node offers, exit routes among them. Offered is not approved. */
  RoutableIPs?: readonly Prefix[] | null;
  /** Tags the node asks for; needs permission. */
  RequestTags?: readonly string[] | null;
  WoLMACs?: readonly string[] | null;
  Services?: readonly HostService[] | null;
  NetInfo?: NetInfo | null;
  sshHostKeys?: readonly string[] | null;
  Cloud?: string;
  Userspace?: OptionalBool;
  UserspaceRouter?: OptionalBool;
  AppConnector?: OptionalBool;
  ServicesHash?: string;
  PeerRelay?: boolean;
  /** The exit node this client has chosen. */
  ExitNodeID?: StableNodeId;
  Location?: Location | null;
  TPM?: TpmInfo | null;
  StateEncrypted?: OptionalBool;
}

/**
 * A listening port. Peers need the peerapi ones: without them file transfer, exit-node DNS and app connectors stop.
 */
export interface HostService {
  /** "tcp", "udp", "peerapi4", "peerapi6", "peerapi-dns-proxy". */
  Proto: string;
  Port: number;
  Description?: string;
}

export interface Location {
  Country?: string;
  CountryCode?: string;
  City?: string;
  CityCode?: string;
  Latitude?: number;
  Longitude?: number;
  Priority?: number;
}

export interface TpmInfo {
  Manufacturer?: string;
  Vendor?: string;
  Model?: number;
  FirmwareVersion?: number;
  SpecRevision?: number;
  FamilyIndicator?: string;
}

/** The client's view of its network. Changes often; only `PreferredDERP` concerns peers. */
export interface NetInfo {
  MappingVariesByDestIP?: OptionalBool;
  WorkingIPv6?: OptionalBool;
  OSHasIPv6?: OptionalBool;
  WorkingUDP?: OptionalBool;
  WorkingICMPv4?: OptionalBool;
  HavePortMap?: boolean;
  UPnP?: OptionalBool;
  PMP?: OptionalBool;
  PCP?: OptionalBool;
  /** The home relay's region; absent or 0 while the client has none, and then no relay reaches it. */
  PreferredDERP?: number;
  LinkType?: string;
  /** `<region>-v4` or `<region>-v6` to seconds. */
  DERPLatency?: Readonly<Record<string, number>> | null;
  FirewallMode?: string;
}
