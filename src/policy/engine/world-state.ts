import {
  EMPTY_SET,
  formatPrefix,
  type IpSet,
  masked,
  parseAddr,
  setOfAddrs,
} from '../../kernel/netip/index.ts';
import type { Policy } from '../ast.ts';
import { resourcePrefixes } from '../compile/networks.ts';
import { RESERVED_TAG_PREFIX } from '../validate/index.ts';
import type {
  DeviceInput,
  EdgeInput,
  GatewayInput,
  GroupInput,
  NetworkInput,
  NetworkRoleInput,
  ResourceInput,
  ServiceInput,
  UserInput,
  WorldSettings,
} from '../world.ts';
import { addressInfos, manualRoutes, type RouteInfo, routeInfo } from './device-state.ts';
import type { Basics } from './traits.ts';

/** The world as handed in, with the indexes that resolving names needs. */
export interface WorldState {
  readonly users: Map<number, UserInput>;
  readonly groups: Map<number, GroupInput>;
  readonly devices: Map<number, DeviceInput>;
  readonly networks: Map<number, NetworkInput>;
  readonly gateways: Map<number, GatewayInput>;
  readonly resources: Map<number, ResourceInput>;
  readonly edges: Map<number, EdgeInput>;
  readonly roles: Map<number, NetworkRoleInput>;
  readonly services: Map<string, ServiceInput>;
  /** By `network/prefix`. */
  readonly primaries: Map<string, number>;
  /** What a resource puts on gateways, worked out once for each state of it. */
  readonly routes: WeakMap<ResourceInput, readonly RouteInfo[]>;
  settings: WorldSettings;
  policy: Policy;
}

export const primaryKey = (network: number, prefix: string): string => `${network}/${prefix}`;

export function createWorldState(settings: WorldSettings, policy: Policy): WorldState {
  return {
    users: new Map(),
    groups: new Map(),
    devices: new Map(),
    networks: new Map(),
    gateways: new Map(),
    resources: new Map(),
    edges: new Map(),
    roles: new Map(),
    services: new Map(),
    primaries: new Map(),
    routes: new WeakMap(),
    settings,
    policy,
  };
}

/** A world of its own with the same contents. */
export const copyWorld = (world: WorldState): WorldState => ({
  users: new Map(world.users),
  groups: new Map(world.groups),
  devices: new Map(world.devices),
  networks: new Map(world.networks),
  gateways: new Map(world.gateways),
  resources: new Map(world.resources),
  edges: new Map(world.edges),
  roles: new Map(world.roles),
  services: new Map(world.services),
  primaries: new Map(world.primaries),
  routes: world.routes,
  settings: world.settings,
  policy: world.policy,
});

/** Indexes over a world that hold until its structure (not its devices) changes. */
export interface WorldIndex {
  /** Names of the file's groups by login. */
  readonly groupsOfLogin: ReadonlyMap<string, readonly string[]>;
  /** Model groups by member. */
  readonly groupsOfUser: ReadonlyMap<number, readonly GroupInput[]>;
  readonly gatewaysOfDevice: ReadonlyMap<number, readonly GatewayInput[]>;
  readonly servicesOfDevice: ReadonlyMap<number, readonly ServiceInput[]>;
  /** Routes that resources and plain clients put on the gateways of a network. */
  readonly resourceRoutes: ReadonlyMap<number, readonly RouteInfo[]>;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** What the index asks about edges. */
export interface EdgeLookup {
  edgesOf(resource: number): Iterable<number>;
}

export function indexWorld(world: WorldState, edges: EdgeLookup): WorldIndex {
  const groupsOfLogin = new Map<string, string[]>();
  for (const [name, { members }] of world.policy.groups)
    for (const login of members) push(groupsOfLogin, login, name);
  const gatewaysOfDevice = new Map<number, GatewayInput[]>();
  for (const gateway of world.gateways.values()) {
    if (gateway.device !== undefined) push(gatewaysOfDevice, gateway.device, gateway);
  }
  const servicesOfDevice = new Map<number, ServiceInput[]>();
  for (const service of world.services.values()) {
    for (const host of service.hosts) push(servicesOfDevice, host, service);
  }
  return {
    groupsOfLogin,
    groupsOfUser: groupsByUser(world),
    gatewaysOfDevice,
    servicesOfDevice,
    resourceRoutes: resourceRoutes(world, edges),
  };
}

export function groupsByUser(world: WorldState): Map<number, GroupInput[]> {
  const out = new Map<number, GroupInput[]>();
  for (const group of world.groups.values()) {
    if (group.active) for (const member of group.members) push(out, member, group);
  }
  return out;
}

/** The default routes that a device offers, for the exit networks among those that it serves. */
function exitRoutes(world: WorldState, gateways: readonly GatewayInput[], input: DeviceInput): RouteInfo[] {
  return gateways.flatMap(({ network }) => {
    const found = world.networks.get(network);
    if (found?.active !== true || found.exit !== true) return [];
    return input.advertised
      .map((text) => routeInfo(text, 'resource', network))
      .filter((route) => route !== undefined)
      .filter((route) => route.exit);
  });
}

/** A resource is routed while it is active and some edge or role leads to it. Of all networks, or of some of them. */
export function resourceRoutes(
  world: WorldState,
  edges: EdgeLookup,
  some?: ReadonlySet<number>,
): Map<number, RouteInfo[]> {
  const out = new Map<number, RouteInfo[]>();
  const isLinked = (resource: number): boolean => {
    for (const id of edges.edgesOf(resource)) {
      const principal = world.edges.get(id)?.principal;
      if (principal === undefined) continue;
      if (principal.kind === 'service-account' || world.groups.get(principal.id)?.active === true)
        return true;
    }
    return false;
  };
  const byRole = new Set<number>();
  for (const role of world.roles.values()) {
    if (world.groups.get(role.group)?.active !== true) continue;
    for (const network of world.networks.keys()) {
      if (role.network === undefined || role.network === network) byRole.add(network);
    }
  }
  for (const resource of world.resources.values()) {
    if (some !== undefined && !some.has(resource.network)) continue;
    if (!resource.active || world.networks.get(resource.network)?.active !== true) continue;
    if (!isLinked(resource.id) && !(resource.networkWide && byRole.has(resource.network))) continue;
    for (const route of routesTo(world, resource)) push(out, resource.network, route);
  }
  return out;
}

function routesTo({ routes }: WorldState, resource: ResourceInput): readonly RouteInfo[] {
  const known = routes.get(resource);
  if (known !== undefined) return known;
  // Default routes are an exit network's own affair: no resource puts them on a gateway.
  const made = resourcePrefixes(resource)
    .map((prefix) => routeInfo(formatPrefix(masked(prefix)), 'resource', resource.network))
    .filter((route) => route !== undefined)
    .filter((route) => !route.exit);
  routes.set(resource, made);
  return made;
}

const domainOf = (login: string): string => login.slice(login.lastIndexOf('@') + 1);

/** The names by which rules may mean a device. */
function principalsOf(
  world: WorldState,
  index: WorldIndex,
  device: DeviceInput,
  user: UserInput | undefined,
): string[] {
  const normal =
    device.behind === undefined &&
    (device.class === 'normal' || world.settings.resourceOpening === 'as-file');
  if (device.external !== undefined) return externalPrincipals(index, device);
  if (user !== undefined) {
    const names = [`user:${user.login}`, `membership:${user.id}`, `domain:${domainOf(user.login)}`];
    names.push(...(index.groupsOfLogin.get(user.login) ?? []));
    for (const group of index.groupsOfUser.get(user.id) ?? []) {
      names.push(`group-id:${group.id}`, ...directoryNames(world, group));
    }
    if (normal) names.push('autogroup:member', ...roleAutogroups(user));
    return names;
  }
  const names = computedTags(world, index, device);
  if (device.owner.kind === 'service-account') names.push(`service-account:${device.owner.id}`);
  if (normal && device.tags.length > 0) names.push('autogroup:tagged');
  return names;
}

/** Who stands behind a device of others, and nothing of what they are there: no tag, no group, no role. */
export function externalPrincipals(index: WorldIndex, { external, externalLogin }: DeviceInput): string[] {
  const isGuest = external !== 'shared-in';
  const named =
    externalLogin === undefined
      ? []
      : [`user:${externalLogin}`, ...(isGuest ? (index.groupsOfLogin.get(externalLogin) ?? []) : [])];
  return isGuest ? ['autogroup:shared', ...named] : named;
}

/** How the file spells a group of the model. */
const directoryNames = (world: WorldState, group: GroupInput): string[] =>
  world.settings.domains.map((domain) => `group:${group.key}@${domain}`);

/** The tags set on a device, and those that the system computes for devices of service accounts and gateways. */
function computedTags(world: WorldState, index: WorldIndex, device: DeviceInput): string[] {
  const tags = [...device.tags];
  if (device.owner.kind === 'service-account') tags.push(`${RESERVED_TAG_PREFIX}sa-${device.owner.id}`);
  for (const gateway of index.gatewaysOfDevice.get(device.id) ?? []) {
    const slug = world.networks.get(gateway.network)?.slug;
    if (slug !== undefined) tags.push(`${RESERVED_TAG_PREFIX}net-${slug}`);
  }
  return tags;
}

/** The owner is an administrator too. */
function roleAutogroups(user: UserInput): string[] {
  return user.role === 'owner' ? ['autogroup:owner', 'autogroup:admin'] : [`autogroup:${user.role}`];
}

export function serviceAddresses(world: WorldState, name: string): IpSet {
  const service = world.services.get(name);
  if (service === undefined) return EMPTY_SET;
  return setOfAddrs(service.addresses.map(parseAddr).filter((addr) => addr !== undefined));
}

/** Everything about a device that its profile follows from. */
export function basicsOf(world: WorldState, index: WorldIndex, input: DeviceInput): Basics {
  const owner = input.owner.kind === 'membership' ? world.users.get(input.owner.id) : undefined;
  const user = input.tags.length === 0 && input.external === undefined ? owner : undefined;
  const orphan =
    input.owner.kind === 'membership' && input.tags.length === 0 && !input.external && owner === undefined;
  // Whether a suspended owner's clients go on is settled before they get here.
  const cut = owner?.suspended === true && input.behind === undefined;
  const active = input.authorized && input.expired !== true && !cut && !orphan;
  const gateways = input.external ? [] : (index.gatewaysOfDevice.get(input.id) ?? []);
  const external = input.external !== undefined;
  // Of what is shared in, only the internet behind it is offered; of a guest, nothing.
  const routes =
    input.external === 'guest'
      ? []
      : manualRoutes(input).filter((route) => route.exit || input.external === undefined);
  for (const service of external ? [] : (index.servicesOfDevice.get(input.id) ?? [])) {
    for (const address of service.addresses) pushRoute(routes, address, 'service', 0);
  }
  for (const gateway of gateways) {
    routes.push(...(index.resourceRoutes.get(gateway.network) ?? []));
    for (const address of gateway.clientAddresses ?? [])
      pushRoute(routes, address, 'resource', gateway.network);
  }
  const exits = exitRoutes(world, gateways, input);
  routes.push(...exits);
  const addresses = addressInfos(input.addresses);
  return {
    id: input.id,
    input,
    active,
    addresses,
    routes: active ? routes : [],
    exit: active && routes.some((route) => route.exit && route.layer === 'manual'),
    exitNetworks: active ? [...new Set(exits.map(({ network }) => network))] : [],
    wild:
      input.behind === undefined &&
      (input.class === 'normal' || world.settings.resourceOpening === 'as-file'),
    tags: computedTags(world, index, input),
    user,
    networks: [...new Set(gateways.map((gateway) => gateway.network))],
    addressKey: addresses.map(({ text }) => text).join(),
    routeKey: routes.map((route) => `${route.layer[0]}${route.network}:${route.text}`).join(),
    principals: principalsOf(world, index, input, user),
  };
}

function pushRoute(routes: RouteInfo[], text: string, layer: 'resource' | 'service', network: number): void {
  const route = routeInfo(text, layer, network);
  if (route !== undefined) routes.push(route);
}
