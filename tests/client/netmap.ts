import type {
  ClientVersion,
  DerpMap,
  DisplayMessage,
  DnsConfig,
  FilterRule,
  MapResponse,
  Node,
  PeerChange,
  PingRequest,
  SshPolicy,
  TkaInfo,
  UserProfile,
} from '../../src/control/wire/index.ts';
import { isStalePatch, patched, patchFor, upgradeNode, withKnownDisco } from './peer-rules.ts';

/** What a client knows after the messages of one stream so far. */
export interface Netmap {
  self: Node | undefined;
  /** By ID. */
  peers: Map<number, Node>;
  users: Map<number, UserProfile>;
  derpMap: DerpMap | undefined;
  dns: DnsConfig | undefined;
  domain: string;
  /** The named parts; `packetFilter` below is what they amount to. */
  packetFilters: Map<string, readonly FilterRule[]>;
  sshPolicy: SshPolicy | undefined;
  health: readonly string[];
  displayMessages: Map<string, DisplayMessage>;
  collectServices: boolean | undefined;
  tka: TkaInfo | undefined;
  clientVersion: ClientVersion | undefined;
  controlTime: string | undefined;
  logTailDisabled: boolean;
  /** Every distinct one, in order. */
  pings: PingRequest[];
  browserUrls: string[];
}

export function emptyNetmap(): Netmap {
  return {
    self: undefined,
    peers: new Map(),
    users: new Map(),
    derpMap: undefined,
    dns: undefined,
    domain: '',
    packetFilters: new Map(),
    sshPolicy: undefined,
    health: [],
    displayMessages: new Map(),
    collectServices: undefined,
    tka: undefined,
    clientVersion: undefined,
    controlTime: undefined,
    logTailDisabled: false,
    pings: [],
    browserUrls: [],
  };
}

/** All rules in force, in the order clients join the parts: by name. */
export function packetFilter(netmap: Netmap): FilterRule[] {
  return [...netmap.packetFilters.keys()].sort().flatMap((name) => netmap.packetFilters.get(name) ?? []);
}

/** The peer of this host name (first label of `Name`), if the map has one. */
export function peerNamed(netmap: Netmap, hostname: string): Node | undefined {
  for (const peer of netmap.peers.values()) if (peer.Name.split('.')[0] === hostname) return peer;
  return undefined;
}

/** Changes `netmap` as clients of releases 1.80 to 1.102 do on this message. `now` is RFC 3339. */
export function applyMapResponse(netmap: Netmap, message: MapResponse, now: string): void {
  applyAlways(netmap, message);
  if (message.KeepAlive) return;
  if (netmap.self === undefined && !message.Node) throw new Error('initial MapResponse lacked node');
  applyPeers(netmap, message, now);
  if (message.Node) netmap.self = message.Node;
  for (const profile of message.UserProfiles ?? []) netmap.users.set(profile.ID, profile);
  if (message.DERPMap) netmap.derpMap = mergeDerpMap(netmap.derpMap, message.DERPMap);
  applyFilters(netmap, message);
  if (message.DNSConfig) netmap.dns = message.DNSConfig;
  if (message.SSHPolicy) netmap.sshPolicy = message.SSHPolicy;
  if (typeof message.CollectServices === 'boolean') netmap.collectServices = message.CollectServices;
  if (message.Domain) netmap.domain = message.Domain;
  if (message.Health) netmap.health = message.Health;
  if (message.DisplayMessages) mergeNamed(netmap.displayMessages, message.DisplayMessages);
  if (message.TKAInfo) netmap.tka = message.TKAInfo;
  if (message.Debug?.DisableLogTail) netmap.logTailDisabled = true;
}

/** The fields that count beside `KeepAlive` too. */
function applyAlways(netmap: Netmap, message: MapResponse): void {
  const { PingRequest: ping, PopBrowserURL: url, ControlTime: time, ClientVersion: version } = message;
  if (ping && netmap.pings.at(-1)?.URL !== ping.URL) netmap.pings.push(ping);
  if (url && netmap.browserUrls.at(-1) !== url) netmap.browserUrls.push(url);
  if (time) netmap.controlTime = time;
  if (version) netmap.clientVersion = version;
}

function applyPeers({ peers }: Netmap, message: MapResponse, now: string): void {
  if (message.Peers && message.Peers.length > 0) {
    const list = message.Peers.map((peer) => withKnownDisco(peers.get(peer.ID), upgradeNode(peer)));
    peers.clear();
    for (const peer of list) peers.set(peer.ID, peer);
    return; // A full list precludes every other change of peers in the same message.
  }
  const patches = [...(message.PeersChangedPatch ?? [])];
  const replacements: Node[] = [];
  for (const peer of (message.PeersChanged ?? []).map(upgradeNode)) {
    const before = peers.get(peer.ID);
    const patch = before && patchFor(before, peer);
    if (patch) patches.push(patch);
    else replacements.push(peer);
  }
  const believed = patches.filter((patch) => !isStaleFor(peers.get(patch.NodeID), patch));

  for (const id of message.PeersRemoved ?? []) peers.delete(id);
  for (const peer of replacements) peers.set(peer.ID, peer);
  for (const [id, seen] of Object.entries(message.PeerSeenChange ?? {})) {
    change(peers, Number(id), ({ LastSeen: _before, ...rest }) => (seen ? { ...rest, LastSeen: now } : rest));
  }
  for (const [id, online] of Object.entries(message.OnlineChange ?? {})) {
    change(peers, Number(id), (peer) => ({ ...peer, Online: online }));
  }
  for (const patch of believed) change(peers, patch.NodeID, (peer) => patched(peer, patch));
}

function isStaleFor(before: Node | undefined, patch: PeerChange): boolean {
  return before !== undefined && isStalePatch(before, patch);
}

/** Changes of peers that are not there are passed over. */
function change(peers: Map<number, Node>, id: number, how: (peer: Node) => Node): void {
  const peer = peers.get(id);
  if (peer !== undefined) peers.set(id, how(peer));
}

function mergeDerpMap(before: DerpMap | undefined, change: DerpMap): DerpMap {
  const regions = change.Regions
    ? Object.fromEntries(Object.entries(change.Regions).filter(([, region]) => region !== null))
    : undefined;
  if (before === undefined) return { ...change, Regions: regions ?? {} };
  return {
    Regions: regions ?? before.Regions ?? {},
    omitDefaultRegions: (regions ? change.omitDefaultRegions : before.omitDefaultRegions) ?? false,
    HomeParams: {
      RegionScore: change.HomeParams?.RegionScore ?? before.HomeParams?.RegionScore ?? {},
    },
  };
}

function applyFilters({ packetFilters }: Netmap, message: MapResponse): void {
  if (message.PacketFilter) packetFilters.set('base', message.PacketFilter);
  if (message.PacketFilters) mergeNamed(packetFilters, message.PacketFilters);
}

/** Null removes one name; `"*": null` removes all, before the others are applied. */
function mergeNamed<T>(into: Map<string, T>, changes: Readonly<Record<string, T | null>>): void {
  if (changes['*'] === null) into.clear();
  for (const [name, value] of Object.entries(changes)) {
    if (name === '*') continue;
    if (value === null) into.delete(name);
    else into.set(name, value);
  }
}
