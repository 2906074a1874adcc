/** Networks, gateways, resources, edges, roles and services as the policy sees them. */

import { isOpen, modeOf } from '../domain/access-requests/access-terms.ts';
import { isActiveClient } from '../domain/ext-clients/ext-client-reads.ts';
import type { Row } from '../domain/model/entities.ts';
import type { AccessEdge, ExtClient, Gateway, PortRules, Resource } from '../domain/model/networks.ts';
import { isBound } from '../domain/networks/gateway-binding.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type {
  DeviceInput,
  EdgeInput,
  GatewayInput,
  PortRules as PolicyPorts,
  ResourceInput,
  ServiceInput,
} from '../policy/index.ts';
import { resolvedAddresses } from './network-serving.ts';

const ports = (rules: PortRules): PolicyPorts => (rules.policy === 'allow-all' ? 'all' : rules.ports);

/** What passes the gateways by is none of theirs. */
export const resourceInput = (snapshot: Snapshot, resource: Resource): ResourceInput => ({
  ...resourcePolicy(resource),
  resolved: resolvedAddresses(snapshot, resource),
});

/** What a resource says by itself, without what its name was found to lead to. */
export function resourcePolicy(resource: Resource): ResourceInput {
  return {
    id: resource.id,
    network: resource.network,
    active: resource.active && !resource.bypass,
    address: resource.addressText,
    protocols: {
      icmp: resource.protocols.allowIcmp,
      tcp: ports(resource.protocols.tcp),
      udp: ports(resource.protocols.udp),
    },
    networkWide: resource.networkWide,
    accessMode: resource.accessMode ?? 'manual',
  };
}

const deviceOf = (gateway: Gateway): number | undefined => (isBound(gateway) ? gateway.device : undefined);

/** Plain clients are behind it by the ranges of its network, so that one more or less changes no rule. */
export function gatewayInput(snapshot: Snapshot, gateway: Gateway): GatewayInput {
  const network = snapshot.table('network').get(String(gateway.network));
  const pools = [network?.clientPool4, network?.clientPool6].filter((pool) => typeof pool === 'string');
  return {
    id: gateway.id,
    network: gateway.network,
    device: deviceOf(gateway),
    ...(pools.length === 0 ? {} : { clientAddresses: pools }),
  };
}

/** A plain client, as a source of its owner's behind its gateway; undefined while the gateway has no device. */
export function clientInput(snapshot: Snapshot, client: ExtClient): DeviceInput | undefined {
  const gateway = snapshot.table('gateway').get(String(client.gateway));
  const behind = gateway === undefined ? undefined : deviceOf(gateway);
  if (behind === undefined) return undefined;
  const isOwned = client.ownerKind === 'membership';
  const owner = isOwned ? snapshot.memberships.get(client.owner) : undefined;
  return {
    id: client.id,
    owner: isOwned ? { kind: 'membership', id: client.owner } : { kind: 'tags' },
    tags: [],
    addresses: snapshot.clientAddresses(client.id),
    advertised: [],
    approved: [],
    // Nothing is known of the machine: conditions on it do not hold.
    attributes: {},
    class: 'edge-only',
    authorized: isActiveClient(client, owner),
    behind,
  };
}

/** Whether an edge is open to members of its group one by one, so that it is another with its members. */
export const isOpenToSome = (edge: AccessEdge, resource: Resource): boolean =>
  edge.principalKind === 'group' && modeOf(edge, resource).mode !== 'manual';

/** The members of a group to whom an edge is open one by one; undefined when it is open to all. */
function openMembers(
  { snapshot, now, members }: EdgeSurroundings,
  edge: AccessEdge,
  resource: Resource,
): { readonly open: number[]; readonly until: readonly number[] } | undefined {
  if (!isOpenToSome(edge, resource)) return undefined;
  const { mode } = modeOf(edge, resource);
  const locks = new Map(snapshot.locksOf(edge.id).map((lock) => [lock.membership, lock]));
  const open = members(edge.principal).filter((id) => isOpen(mode, locks.get(id), now));
  return { open, until: open.flatMap((id) => locks.get(id)?.openUntil ?? []) };
}

/** The conditions of a security policy; without one those of the organization's default. */
function conditionsOf(snapshot: Snapshot, policy: number | null): readonly string[] {
  const policies = snapshot.table('securityPolicy');
  const found =
    policy === null
      ? [...policies.values()].find(({ type }) => type === 'default')
      : policies.get(String(policy));
  return found?.conditions ?? [];
}

export interface EdgeSurroundings {
  readonly snapshot: Snapshot;
  readonly now: number;
  /** The members of a group. */
  members(group: number): readonly number[];
}

/** What of an edge decides about packets. */
export type EdgeFacts = Pick<
  AccessEdge,
  | 'id'
  | 'resource'
  | 'principalKind'
  | 'principal'
  | 'securityPolicy'
  | 'expiresAt'
  | 'accessMode'
  | 'accessSeconds'
  | 'approvalMode'
>;

/** An edge that is open to all whom it names. `fallback`: the security policy of its resource. */
export const plainEdgeInput = (
  snapshot: Snapshot,
  { id, resource, principalKind, principal, securityPolicy }: EdgeFacts,
  fallback: number | null,
): EdgeInput => ({
  ...{ id, resource },
  principal: { kind: principalKind === 'group' ? 'group' : 'service-account', id: principal },
  conditions: conditionsOf(snapshot, securityPolicy ?? fallback),
});

/**
 * Undefined when the edge is not in force: it has expired, or its resource is gone. `ends`: the instants at which it is
 * another.
 */
export function edgeInput(
  surroundings: EdgeSurroundings,
  edge: AccessEdge,
): { readonly input: EdgeInput; readonly ends: readonly number[] } | undefined {
  const { snapshot, now } = surroundings;
  if (edge.expiresAt !== null && edge.expiresAt <= now) return undefined;
  const resource = snapshot.table('resource').get(String(edge.resource));
  if (resource === undefined) return undefined;
  const members = openMembers(surroundings, edge, resource);
  const input: EdgeInput = {
    ...plainEdgeInput(snapshot, edge, resource.securityPolicy),
    ...(members === undefined ? {} : { members: members.open }),
  };
  return { input, ends: [...(edge.expiresAt === null ? [] : [edge.expiresAt]), ...(members?.until ?? [])] };
}

export function serviceInput(
  snapshot: Snapshot,
  service: Row<'service'>,
  addresses: readonly string[],
): ServiceInput {
  const hosts = snapshot
    .hostsOf(service.id)
    .filter((host) => host.advertised && host.approval !== 'not-approved')
    .map(({ device }) => device);
  return { name: service.name, addresses, hosts };
}
