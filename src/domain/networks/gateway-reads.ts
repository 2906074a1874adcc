/** Gateways that have, or had, a device, with what is shown beside them. */
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { formatPrefix, masked, parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import type { Actor } from '../access/actor.ts';
import { isExitPrefix } from '../devices/routes.ts';
import type { Device } from '../model/devices.ts';
import type { Gateway, GatewayAgent, Network } from '../model/networks.ts';
import type { Membership } from '../model/people.ts';
import type { Store } from '../ports/store.ts';
import { AGENT_SILENT_MS } from './gateway-agent-service.ts';
import { isBound } from './gateway-binding.ts';
import { membersReaching } from './network-reach.ts';
import type { NetworkReads } from './network-reads.ts';

export interface GatewayView {
  readonly gateway: Gateway;
  readonly network: Network;
  readonly device: Device;
  readonly deviceAddresses: readonly string[];
  readonly deviceOnline: boolean;
  readonly agent: GatewayAgent | undefined;
  /** Whether the agent reports. */
  readonly agentOnline: boolean;
  readonly lastSeen: number | null;
  /** Prefixes of the network's resources and those enabled on the device. */
  readonly ranges: readonly string[];
  /** Whether everything outside may go through it. */
  readonly internet: boolean;
  readonly look: { readonly metadata: string; readonly mtu: number; readonly dns: string };
}

export interface GatewayReads {
  /** Of the networks that are open to the actor, ordered by id. */
  list(actor: Actor, network?: number): Promise<readonly GatewayView[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, id: number): Promise<GatewayView>;
  /** Who reaches something behind a gateway, below administrators too. Requires `networks:read` and `members:read`. */
  users(actor: Actor, network: Network): Promise<readonly Membership[]>;
}

const MANY = 100_000;
export const DEFAULT_MTU = 1420;

const gatewayMissing = (): AppError => new AppError('not_found', 'gateway not found');

export function createGatewayReads({
  store,
  networks,
  clock,
}: {
  readonly store: Store;
  readonly networks: NetworkReads;
  readonly clock: Clock;
}): GatewayReads {
  const views = async (
    org: number,
    gateways: readonly Gateway[],
    of: readonly Network[],
  ): Promise<GatewayView[]> => {
    const bound = gateways.filter(({ device }) => device !== null);
    const ids = bound.map(({ id }) => id);
    const devices = bound.flatMap(({ device }) => device ?? []);
    const [rows, addresses, presence, agents, live, looks, routes, resources] = await Promise.all([
      store.find('device', org, { id: devices }, MANY),
      store.find('address', org, { holderKind: 'device', holder: devices }, MANY),
      store.find('presence', org, { device: devices }, MANY),
      store.find('gatewayAgent', org, { gateway: ids }, MANY),
      store.find('gatewayAgentLive', org, { gateway: ids }, MANY),
      store.find('gatewayNetmaker', org, { gateway: ids }, MANY),
      store.find('route', org, { device: devices, advertised: true }, MANY),
      store.find('resource', org, { network: bound.map(({ network }) => network), active: true }, MANY),
    ]);
    const now = clock.now();
    return bound.flatMap((gateway): GatewayView[] => {
      const network = of.find(({ id }) => id === gateway.network);
      const device = rows.find(({ id }) => id === gateway.device);
      // Deleted while this was read.
      if (network === undefined || device === undefined) return [];
      const enabled = routes
        .filter((route) => route.device === device.id && (route.manualAt !== null || route.auto))
        .map(({ prefix }) => prefix);
      const ofResources = resources
        .filter((resource) => resource.network === network.id)
        .flatMap(({ addressText }) => {
          const prefix = parseAddrOrPrefix(addressText);
          return prefix === undefined ? [] : [formatPrefix(masked(prefix))];
        });
      const seen = presence.find((row) => row.device === device.id);
      const heard = live.find((row) => row.gateway === gateway.id)?.lastSeen ?? null;
      const look = looks.find((row) => row.gateway === gateway.id);
      const held = addresses.filter(({ holder }) => holder === device.id).sort((a, b) => a.family - b.family);
      return [
        {
          gateway,
          network,
          device,
          deviceAddresses: held.map(({ ip }) => ip),
          // One whose tokens have been renewed waits for its device to come with the new ones.
          deviceOnline: isBound(gateway) && (seen?.online ?? false),
          agent: agents.find((row) => row.gateway === gateway.id),
          agentOnline: isBound(gateway) && heard !== null && now - heard < AGENT_SILENT_MS,
          lastSeen: Math.max(heard ?? 0, seen?.lastSeen ?? 0) || null,
          ranges: [...new Set([...ofResources, ...enabled.filter((prefix) => !isExitPrefix(prefix))])],
          internet: enabled.some(isExitPrefix),
          look: { metadata: look?.metadata ?? '', mtu: look?.mtu ?? 0, dns: look?.dns ?? '' },
        },
      ];
    });
  };

  return {
    list: async (actor, network) => {
      const visible = (await networks.open(actor)).filter(
        ({ id }) => network === undefined || id === network,
      );
      const gateways = await store.find('gateway', actor.org, { network: visible.map(({ id }) => id) }, MANY);
      return views(actor.org, gateways, visible);
    },
    get: async (actor, id) => {
      const gateway = await store.get('gateway', actor.org, id);
      const visible = (await networks.open(actor)).filter((network) => network.id === gateway?.network);
      const [view] = gateway === undefined ? [] : await views(actor.org, [gateway], visible);
      if (view === undefined) throw gatewayMissing();
      return view;
    },
    users: async (actor, network) => {
      const ids = await membersReaching(store, network, clock.now());
      const where = ids === undefined ? {} : { id: [...ids] };
      const members = await store.find('membership', actor.org, where, MANY);
      return members
        .filter(({ joinedAt, approvedAt }) => joinedAt !== null && approvedAt !== null)
        .sort((a, b) => (a.username < b.username ? -1 : 1));
    },
  };
}
