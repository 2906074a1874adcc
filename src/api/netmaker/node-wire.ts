/** Nodes and hosts on the wire. */
import { encodeUuid } from '../../domain/ids/uuid8.ts';
import { DEFAULT_MTU, type GatewayView } from '../../domain/networks/gateway-reads.ts';
import type { HostView } from '../../domain/networks/host-reads.ts';

const SECOND_MS = 1_000;
const NEVER = '0001-01-01T00:00:00Z';
const NO_ID = '00000000-0000-0000-0000-000000000000';
const KEEPALIVE = 20;

const seconds = (time: number | null): number => (time === null ? 0 : Math.floor(time / SECOND_MS));

export const statusOf = ({ agent, agentOnline, deviceOnline }: GatewayView): string =>
  (agent === undefined ? deviceOnline : agentOnline) ? 'online' : 'offline';

const withLength = (ip: string | undefined, bits: number): string =>
  ip === undefined ? '' : `${ip}/${bits}`;

export function toNode(view: GatewayView) {
  const { gateway, network, device, agent, look } = view;
  const [ip4, ip6] = view.deviceAddresses;
  return {
    id: encodeUuid('gateway', gateway.id),
    hostid: encodeUuid('device', device.id),
    address: withLength(ip4, 32),
    address6: withLength(ip6, 128),
    localaddress: '',
    allowedips: null,
    lastmodified: seconds(gateway.updatedAt),
    expdatetime: seconds(device.keyExpiresAt),
    lastcheckin: seconds(view.lastSeen),
    lastpeerupdate: 0,
    network: network.slug,
    networkrange: network.clientPool4 ?? '',
    networkrange6: network.clientPool6 ?? '',
    isrelayed: false,
    isrelay: false,
    is_gw: true,
    is_auto_relay: false,
    auto_relayed_peers: {},
    auto_assign_gw: false,
    relayedby: '',
    relaynodes: null,
    isegressgateway: view.ranges.length > 0,
    isingressgateway: true,
    egressgatewayranges: view.ranges,
    egressgatewaynatenabled: true,
    egressgatewayranges_with_metric: null,
    dnson: false,
    ingressdns: look.dns,
    ingresspersistentkeepalive: KEEPALIVE,
    ingressmtu: look.mtu || agent?.mtu || DEFAULT_MTU,
    server: '',
    connected: view.deviceOnline,
    pendingdelete: false,
    metadata: look.metadata,
    is_fail_over: false,
    fail_over_peers: {},
    failed_over_by: NO_ID,
    isinternetgateway: view.internet,
    inet_node_req: { inet_node_client_ids: null },
    internetgw_node_id: '',
    additional_rag_ips: [],
    tags: null,
    is_static: false,
    is_user_node: false,
    status: statusOf(view),
    location: '',
    country: '',
    posture_check_violations: null,
    posture_check_violation_severity_level: 0,
    last_evaluated_at: NEVER,
  };
}

const FULL_MASK = {
  4: Buffer.alloc(4, 0xff).toString('base64'),
  6: Buffer.alloc(16, 0xff).toString('base64'),
};
/** A network as Go writes one: address, and mask as bytes. */
const ipNet = (ip: string | undefined, family: 4 | 6): object =>
  ip === undefined ? { IP: '', Mask: null } : { IP: ip, Mask: FULL_MASK[family] };
const timeOf = (time: number | null): string => (time === null ? NEVER : new Date(time).toISOString());

/** One node alone has other forms of times and addresses than one of a list. */
export function toSingleNode(view: GatewayView) {
  const { gateway, device } = view;
  const [ip4, ip6] = view.deviceAddresses;
  return {
    ...toNode(view),
    address: ipNet(ip4, 4),
    address6: ipNet(ip6, 6),
    localaddress: ipNet(undefined, 4),
    networkrange: ipNet(undefined, 4),
    networkrange6: ipNet(undefined, 6),
    lastmodified: timeOf(gateway.updatedAt),
    lastcheckin: timeOf(view.lastSeen),
    lastpeerupdate: NEVER,
    expdatetime: timeOf(device.keyExpiresAt),
    node_status: statusOf(view),
  };
}

export function toHost({ device, addresses, online, gateways }: HostView) {
  return {
    id: encodeUuid('device', device.id),
    verbosity: 0,
    firewallinuse: '',
    version: device.clientVersion,
    name: device.label,
    os: device.os,
    os_family: '',
    os_version: '',
    kernel_version: '',
    debug: false,
    isstaticport: false,
    isstatic: false,
    listenport: 0,
    wg_public_listen_port: 0,
    mtu: DEFAULT_MTU,
    interfaces: [],
    defaultinterface: '',
    endpointip: addresses[0] ?? '',
    endpointipv6: addresses[1] ?? '',
    publickey: device.nodeKey,
    macaddress: '',
    nodes: gateways.map((id) => encodeUuid('gateway', id)),
    isdefault: false,
    nat_type: '',
    persistentkeepalive: KEEPALIVE,
    autoupdate: false,
    dns: '',
    enable_flow_logs: false,
    location: '',
    country_code: '',
    status: online ? 'online' : 'offline',
  };
}
