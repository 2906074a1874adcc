/** External clients with what is shown beside them: gateway, network, addresses, owner, traffic, configuration. */

import type { Clock } from '../../kernel/clock.ts';
import { formatPrefix, masked, parseAddrOrPrefix } from '../../kernel/netip/index.ts';
import type { Actor } from '../access/actor.ts';
import type { NetworkPermissions } from '../groups/network-permissions.ts';
import type { ExtClient, ExtClientLive, Gateway, GatewayAgent, Network } from '../model/networks.ts';
import type { Membership } from '../model/people.ts';
import { reachOf } from '../networks/network-reach.ts';
import type { Sealer } from '../ports/sealer.ts';
import type { Reader, Store } from '../ports/store.ts';
import { clientMissing, mayRead, maySeeSecrets } from './client-access.ts';
import { type ClientSecrets, openSecrets } from './client-secrets.ts';

export interface ExtClientView {
  readonly client: ExtClient;
  readonly gateway: Gateway;
  readonly network: Network;
  /** Undefined until the gateway's agent has been there. */
  readonly agent: GatewayAgent | undefined;
  /** IPv4, then IPv6. */
  readonly addresses: readonly string[];
  readonly owner: Membership | undefined;
  readonly live: ExtClientLive | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  /** Enabled, and its owner is not suspended in a manner that takes clients along. */
  readonly active: boolean;
}

export interface ExtClientReads {
  /** All that the actor may read, ordered by id; of one network if it is given. */
  list(actor: Actor, network?: number): Promise<readonly ExtClientView[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, network: number, clientId: string): Promise<ExtClientView>;
  /** Undefined for whoever neither owns nor made it. */
  secrets(actor: Actor, client: ExtClient): ClientSecrets | undefined;
  /** The prefixes that the client sends through its gateway: the clients' own ranges, and what its owner reaches. */
  allowedIps(view: ExtClientView): Promise<readonly string[]>;
}

const MAX_CLIENTS = 100_000;

/** Whether a client may connect at all. */
export const isActiveClient = (
  client: Pick<ExtClient, 'enabled' | 'ownerKind'>,
  owner: Pick<Membership, 'suspendedAt' | 'keepClients'> | undefined,
): boolean => {
  if (!client.enabled) return false;
  if (client.ownerKind === 'organization') return true;
  return owner !== undefined && (owner.suspendedAt === null || owner.keepClients);
};

export interface ExtClientReadsParts {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly permissions: NetworkPermissions;
}

const READING = { thing: 'ext-client', verb: 'read' } as const;

export function createExtClientReads(parts: ExtClientReadsParts): ExtClientReads {
  const { store, sealer, clock, permissions } = parts;
  const views = async (org: number, clients: readonly ExtClient[]): Promise<ExtClientView[]> => {
    const ids = clients.map(({ id }) => id);
    const gatewayIds = [...new Set(clients.map(({ gateway }) => gateway))];
    const owners = clients.filter(({ ownerKind }) => ownerKind === 'membership').map(({ owner }) => owner);
    const [gateways, agents, addresses, members, live, details] = await Promise.all([
      store.find('gateway', org, { id: gatewayIds }, MAX_CLIENTS),
      store.find('gatewayAgent', org, { gateway: gatewayIds }, MAX_CLIENTS),
      store.find('address', org, { holderKind: 'ext-client', holder: ids }, 2 * MAX_CLIENTS),
      store.find('membership', org, { id: [...new Set(owners)] }, MAX_CLIENTS),
      store.find('extClientLive', org, { extClient: ids }, MAX_CLIENTS),
      store.find('extClientNetmaker', org, { extClient: ids }, MAX_CLIENTS),
    ]);
    const networks = await store.find(
      'network',
      org,
      { id: gateways.map(({ network }) => network) },
      MAX_CLIENTS,
    );
    const byId = <T extends { readonly id: number }>(rows: readonly T[]): ReadonlyMap<number, T> =>
      new Map(rows.map((row) => [row.id, row]));
    const [gatewayOf, networkOf, memberOf] = [byId(gateways), byId(networks), byId(members)];
    const agentOf = new Map(agents.map((agent) => [agent.gateway, agent]));
    const liveOf = new Map(live.map((row) => [row.extClient, row]));
    const detailsOf = new Map(details.map((row) => [row.extClient, row.details]));
    const addressesOf = Map.groupBy(addresses, ({ holder }) => holder);
    return clients.flatMap((client) => {
      const gateway = gatewayOf.get(client.gateway);
      const network = gateway && networkOf.get(gateway.network);
      // Deleted while this was read.
      if (gateway === undefined || network === undefined) return [];
      const owner = client.ownerKind === 'membership' ? memberOf.get(client.owner) : undefined;
      const held = [...(addressesOf.get(client.id) ?? [])].sort((a, b) => a.family - b.family);
      return [
        {
          client,
          gateway,
          network,
          agent: agentOf.get(gateway.id),
          addresses: held.map(({ ip }) => ip),
          owner,
          live: liveOf.get(client.id),
          details: detailsOf.get(client.id) ?? {},
          active: isActiveClient(client, owner),
        },
      ];
    });
  };

  return {
    list: async (actor, network) => {
      const { org } = actor;
      const own =
        actor.kind === 'member' ? { ownerKind: 'membership' as const, owner: actor.membership } : undefined;
      const all = actor.permissions.has('networks:read');
      if (!all && own === undefined) return [];
      const of = async (networks: number | readonly number[]): Promise<number[]> =>
        (await store.find('gateway', org, { network: networks }, MAX_CLIENTS)).map(({ id }) => id);
      const ruled = all ? 'all' : await permissions.networksOf(actor, READING);
      const everybodys = ruled === 'all' || (network !== undefined && ruled.has(network));
      const place = network === undefined ? {} : { gateway: await of(network) };
      const found = await store.find('extClient', org, { ...(everybodys ? {} : own), ...place }, MAX_CLIENTS);
      const others =
        everybodys || network !== undefined || ruled.size === 0
          ? []
          : await store.find('extClient', org, { gateway: await of([...ruled]) }, MAX_CLIENTS);
      const clients = new Map([...found, ...others].map((client) => [client.id, client]));
      return views(
        org,
        [...clients.values()].sort((a, b) => a.id - b.id),
      );
    },
    get: async (actor, network, clientId) => {
      const [client] = await store.find('extClient', actor.org, { clientId }, 1);
      if (client === undefined) throw clientMissing();
      const [view] = await views(actor.org, [client]);
      if (view === undefined || view.network.id !== network) throw clientMissing();
      const reads =
        mayRead(actor, client) ||
        (await permissions.reach(actor, network, READING, 'networks:read')) === 'all';
      if (!reads) throw clientMissing();
      return view;
    },
    secrets: (actor, client) => (maySeeSecrets(actor, client) ? openSecrets(sealer, client) : undefined),
    allowedIps: (view) => allowedIpsOf(store, view, clock.now()),
  };
}

async function allowedIpsOf(
  reader: Reader,
  { client, network, owner }: ExtClientView,
  now: number,
): Promise<readonly string[]> {
  const { org } = client;
  const ranges = [network.clientPool4, network.clientPool6].filter((pool) => pool !== null);
  if (owner === undefined) return ranges;
  const reach = await reachOf(reader, owner, now);
  const prefixes = reach.resources
    .filter((resource) => resource.network === network.id)
    .flatMap(({ addressText }) => {
      const prefix = parseAddrOrPrefix(addressText);
      return prefix === undefined ? [] : [formatPrefix(masked(prefix))];
    });
  if (reach.holdsRole(network.id)) {
    const gateways = await reader.find('gateway', org, { network: network.id }, MAX_CLIENTS);
    const devices = gateways.flatMap(({ device }) => device ?? []);
    const routes = await reader.find('route', org, { device: devices, advertised: true }, MAX_CLIENTS);
    prefixes.push(
      ...routes.filter(({ manualAt, auto }) => manualAt !== null || auto).map(({ prefix }) => prefix),
    );
    const clients = await reader.find('extClient', org, { gateway: client.gateway }, MAX_CLIENTS);
    prefixes.push(...clients.filter(({ id }) => id !== client.id).flatMap((other) => other.extraAllowedIps));
  }
  return [...new Set([...ranges, ...prefixes])];
}
