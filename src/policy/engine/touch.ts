import type { DeviceInput, EdgeInput, ResourceInput } from '../world.ts';
import type { Change } from './change.ts';
import { manualRoutes } from './device-state.ts';
import { primaryKey, type WorldState } from './world-state.ts';

/** What has to be recomputed because of changes to the world. */
export interface Touched {
  readonly devices: Set<number>;
  /** Prefixes whose carriers or primary may be different. */
  readonly routes: Set<string>;
  /** Primaries as they were, by `network/prefix`, for those that changed. */
  readonly primariesBefore: Map<string, number | undefined>;
  /** Edges that came, changed or went, and resources with what they were before. */
  readonly edges: Map<number, EdgeInput | undefined>;
  readonly resources: Map<number, ResourceInput | undefined>;
  /** Group memberships or bindings differ. */
  reindex: boolean;
  /** Rules or names differ: every device has to settle again. */
  recompile: boolean;
}

export const newTouched = (): Touched => ({
  devices: new Set(),
  routes: new Set(),
  primariesBefore: new Map(),
  edges: new Map(),
  resources: new Map(),
  reindex: false,
  recompile: false,
});

/** Writes one change into the world and notes what it touches. */
export function applyToWorld(world: WorldState, change: Change, touched: Touched): void {
  switch (change.kind) {
    case 'device':
      touchDevice(world, change.device.id, change.device, touched);
      world.devices.set(change.device.id, change.device);
      return;
    case 'device-removed':
      touchDevice(world, change.id, undefined, touched);
      world.devices.delete(change.id);
      return;
    case 'user':
      world.users.set(change.user.id, change.user);
      touchUsers(world, new Set([change.user.id]), touched);
      return;
    case 'user-removed':
      world.users.delete(change.id);
      touchUsers(world, new Set([change.id]), touched);
      return;
    case 'group': {
      const before = world.groups.get(change.group.id);
      world.groups.set(change.group.id, change.group);
      touched.reindex = true;
      const { key, active } = change.group;
      if (before === undefined || before.key !== key || before.active !== active) touched.recompile = true;
      else {
        const changed = new Set(before.members).symmetricDifference(new Set(change.group.members));
        touchUsers(world, changed, touched);
      }
      return;
    }
    case 'group-removed':
      world.groups.delete(change.id);
      break;
    case 'network':
      world.networks.set(change.network.id, change.network);
      break;
    case 'network-removed':
      world.networks.delete(change.id);
      break;
    case 'gateway':
      world.gateways.set(change.gateway.id, change.gateway);
      break;
    case 'gateway-removed':
      world.gateways.delete(change.id);
      break;
    case 'resource':
      touchResource(world, change.resource.id, change.resource, touched);
      world.resources.set(change.resource.id, change.resource);
      return;
    case 'resource-removed':
      touchResource(world, change.id, undefined, touched);
      world.resources.delete(change.id);
      return;
    case 'edge':
      touchEdge(world, change.edge.id, touched);
      world.edges.set(change.edge.id, change.edge);
      return;
    case 'edge-removed':
      touchEdge(world, change.id, touched);
      world.edges.delete(change.id);
      return;
    case 'role':
      world.roles.set(change.role.id, change.role);
      break;
    case 'role-removed':
      world.roles.delete(change.id);
      break;
    case 'service':
      world.services.set(change.service.name, change.service);
      break;
    case 'service-removed':
      world.services.delete(change.name);
      break;
    case 'settings':
      world.settings = change.settings;
      break;
    case 'policy':
      world.policy = change.policy;
      break;
    case 'primary': {
      const { network, prefix, device } = change.primary;
      const key = primaryKey(network, prefix);
      if (world.primaries.get(key) === device) return;
      if (!touched.primariesBefore.has(key)) touched.primariesBefore.set(key, world.primaries.get(key));
      if (device === undefined) world.primaries.delete(key);
      else world.primaries.set(key, device);
      touched.routes.add(prefix);
      return;
    }
  }
  touched.recompile = true;
}

function touchEdge({ edges }: WorldState, id: number, touched: Touched): void {
  if (!touched.edges.has(id)) touched.edges.set(id, edges.get(id));
}

/** What roles open of a resource are rules of their own, many of them for one resource. */
function touchResource(
  { resources, roles }: WorldState,
  id: number,
  after: ResourceInput | undefined,
  touched: Touched,
): void {
  const before = resources.get(id);
  if (!touched.resources.has(id)) touched.resources.set(id, before);
  if (roles.size > 0 && (before?.networkWide === true || after?.networkWide === true))
    touched.recompile = true;
}

/** A gateway's own routes are what network roles open, so they are part of the rules. */
function touchDevice(world: WorldState, id: number, next: DeviceInput | undefined, touched: Touched): void {
  touched.devices.add(id);
  if (world.roles.size === 0) return;
  const texts = (input: DeviceInput | undefined): string =>
    input === undefined
      ? ''
      : manualRoutes(input)
          .map(({ text }) => text)
          .join();
  if (texts(world.devices.get(id)) === texts(next)) return;
  for (const gateway of world.gateways.values()) if (gateway.device === id) touched.recompile = true;
}

function touchUsers(world: WorldState, users: ReadonlySet<number>, touched: Touched): void {
  for (const { id, owner } of world.devices.values()) {
    if (owner.kind === 'membership' && users.has(owner.id)) touched.devices.add(id);
  }
}
