/** Networks, gateways, resources, edges, roles and services as the policy sees them. */

import type { Row } from '../domain/model/entities.ts';
import type { AccessEdge, AccessMode, Gateway, PortRules, Resource } from '../domain/model/networks.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type {
  EdgeInput,
  GatewayInput,
  PortRules as PolicyPorts,
  ResourceInput,
  ServiceInput,
} from '../policy/index.ts';

const ports = (rules: PortRules): PolicyPorts => (rules.policy === 'allow-all' ? 'all' : rules.ports);

export function resourceInput(resource: Resource): ResourceInput {
  return {
    id: resource.id,
    network: resource.network,
    active: resource.active,
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

/** A gateway whose device joined with tokens that newer ones have ended serves nothing. */
export const gatewayInput = (gateway: Gateway): GatewayInput => ({
  id: gateway.id,
  network: gateway.network,
  device:
    gateway.device !== null && gateway.boundGeneration >= gateway.tokenGeneration
      ? gateway.device
      : undefined,
});

/** The members of a group to whom an edge is open one by one; undefined when it is open to all. */
function openMembers(
  snapshot: Snapshot,
  edge: AccessEdge,
  mode: AccessMode,
  now: number,
): number[] | undefined {
  if (mode === 'manual' || edge.principalKind !== 'group') return undefined;
  const locks = [...snapshot.table('accessLock').values()].filter((lock) => lock.edge === edge.id);
  if (mode === 'access-request') {
    return locks
      .filter(({ openUntil }) => openUntil !== null && openUntil > now)
      .map(({ membership }) => membership);
  }
  const locked = new Set(
    locks.filter(({ lockedAt }) => lockedAt !== null).map(({ membership }) => membership),
  );
  return [...snapshot.table('groupMember').values()]
    .filter((member) => member.group === edge.principal && !locked.has(member.membership))
    .map(({ membership }) => membership);
}

/** Undefined when the edge is not in force: it has expired, or its resource is gone. */
export function edgeInput(snapshot: Snapshot, edge: AccessEdge, now: number): EdgeInput | undefined {
  if (edge.expiresAt !== null && edge.expiresAt <= now) return undefined;
  const resource = snapshot.table('resource').get(String(edge.resource));
  if (resource === undefined) return undefined;
  const policies = [edge.securityPolicy ?? resource.securityPolicy].flatMap((id) =>
    id === null ? [] : (snapshot.table('securityPolicy').get(String(id)) ?? []),
  );
  const members = openMembers(snapshot, edge, edge.accessMode ?? resource.accessMode ?? 'manual', now);
  return {
    id: edge.id,
    resource: edge.resource,
    principal: { kind: edge.principalKind === 'group' ? 'group' : 'service-account', id: edge.principal },
    conditions: policies.flatMap(({ conditions }) => conditions),
    ...(members === undefined ? {} : { members }),
  };
}

/** Whether a role opens its network to packets, and not only its settings to administrators. */
export const opensNetwork = (role: Row<'networkRole'>): boolean =>
  role.fullAccess || role.access.vpn_access === true;

export function serviceInput(
  snapshot: Snapshot,
  service: Row<'service'>,
  addresses: readonly string[],
): ServiceInput {
  const hosts = [...snapshot.table('serviceHost').values()]
    .filter((host) => host.service === service.id && host.approval !== 'not-approved')
    .map(({ device }) => device);
  return { name: service.name, addresses, hosts };
}
