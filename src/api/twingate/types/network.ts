import type { DeviceLive } from '../../../domain/model/devices.ts';
import type { Gateway, Network } from '../../../domain/model/networks.ts';
import { formatAddr, parseAddr, parsePrefix, prefixContains } from '../../../kernel/netip/index.ts';
import { type Context, type FieldResolvers, fieldsOf } from '../context.ts';
import { type DirectRelated, directConnection } from '../direct-connection.ts';
import { connectorFilter, resourceFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';
import { loadFacts, loadOne, required } from '../loads.ts';
import { connectorState, isBound } from '../projections.ts';

const CONNECTORS: DirectRelated<'gateway'> = {
  name: 'RemoteNetwork.connectors',
  kind: 'gateway',
  relation: { parent: 'network' },
};
const RESOURCES: DirectRelated<'resource'> = {
  name: 'RemoteNetwork.resources',
  kind: 'resource',
  relation: { parent: 'network' },
};

export const networkFields: FieldResolvers = fieldsOf<Network>({
  id: ({ id }) => encodeGlobalId('RemoteNetwork', id),
  name: ({ name }) => name,
  isActive: ({ active }) => active,
  location: async ({ id }, _args, context) =>
    (await loadFacts(context, 'networkTwingate', 'network', id))[0]?.location ?? 'OTHER',
  networkType: ({ kind }) => (kind === 'exit' ? 'EXIT' : 'REGULAR'),
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  connectors: (network, args, context) =>
    directConnection(CONNECTORS, args, context, network, connectorFilter(args.filter)),
  resources: (network, args, context) =>
    directConnection(RESOURCES, args, context, network, resourceFilter(args.filter)),
});

/** Addresses that are nobody's on the Internet: private, shared, link-local, loopback and unique local ones. */
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8'],
  ...['fc00::/7', 'fe80::/10', '::1/128'],
].flatMap((text) => parsePrefix(text) ?? []);

interface Addresses {
  readonly publicIp: string | null;
  readonly privateIps: readonly string[];
}

/** The hosts of endpoints such as `192.0.2.1:41641` and `[2001:db8::1]:41641`. */
function addressesOf(live: Pick<DeviceLive, 'endpoints'> | undefined): Addresses {
  const addresses = (live?.endpoints ?? []).flatMap((endpoint) => {
    const host = /^\[?([^\]]+)\]?:\d+$/u.exec(endpoint)?.[1];
    return parseAddr(host ?? '') ?? [];
  });
  const isPrivate = addresses.map((address) => PRIVATE.some((prefix) => prefixContains(prefix, address)));
  const open = addresses.filter((_, index) => isPrivate[index] === false).map(formatAddr);
  const closed = addresses.filter((_, index) => isPrivate[index] === true).map(formatAddr);
  return { publicIp: open[0] ?? null, privateIps: [...new Set(closed)] };
}

/** The device behind a connector, as long as it is bound to it. */
const deviceOf = (gateway: Gateway): number | null => (isBound(gateway) ? gateway.device : null);

const presenceOf = async (gateway: Gateway, context: Context) =>
  (await loadFacts(context, 'presence', 'device', deviceOf(gateway)))[0];
const liveOf = async (gateway: Gateway, context: Context) =>
  (await loadFacts(context, 'deviceLive', 'device', deviceOf(gateway)))[0];

export const connectorFields: FieldResolvers = fieldsOf<Gateway>({
  id: ({ id }) => encodeGlobalId('Connector', id),
  name: ({ name }) => name,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  lastHeartbeatAt: async (gateway, _args, context) => (await presenceOf(gateway, context))?.lastSeen ?? null,
  hostname: async (gateway, _args, context) =>
    (await loadOne(context, 'device', deviceOf(gateway)))?.osHostname ?? null,
  version: async (gateway, _args, context) =>
    (await loadOne(context, 'device', deviceOf(gateway)))?.clientVersion ?? null,
  publicIP: async (gateway, _args, context) => addressesOf(await liveOf(gateway, context)).publicIp,
  privateIPs: async (gateway, _args, context) => addressesOf(await liveOf(gateway, context)).privateIps,
  state: async (gateway, _args, context) => connectorState(gateway, await presenceOf(gateway, context)),
  hasStatusNotificationsEnabled: async ({ id }, _args, context) =>
    (await loadFacts(context, 'gatewayTwingate', 'gateway', id))[0]?.statusNotifications ?? true,
  remoteNetwork: ({ network }, _args, context) =>
    required('the network of a connector', loadOne(context, 'network', network)),
});
