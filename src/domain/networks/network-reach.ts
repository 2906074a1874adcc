/**
 * Who reaches something behind the gateways of a network, by access edges and network roles. What single rules of the
 * policy file open besides is not told here: that takes the policy engine.
 */
import { ADMINISTRATIVE_ROLES } from '../access/permissions.ts';
import type { Row } from '../model/entities.ts';
import type { Network, Resource } from '../model/networks.ts';
import type { Group, Membership } from '../model/people.ts';
import type { Reader } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { opensNetwork } from './network-roles.ts';

const MANY = 100_000;

const isManual = ({ accessMode }: Pick<Resource, 'accessMode'>): boolean =>
  (accessMode ?? 'manual') === 'manual';

/** The groups of a member that are in force; everybody who joined is in the one of everybody. */
async function activeGroupsOf(reader: Reader, { org, id }: Membership): Promise<number[]> {
  const links = await reader.find('groupMember', org, { membership: id }, MANY);
  const groups = [
    ...(await reader.find('group', org, { id: links.map(({ group }) => group) }, MANY)),
    ...(await reader.find('group', org, { systemKey: 'everyone' }, 1)),
  ];
  return groups.filter(({ active }) => active).map((group) => group.id);
}

type HeldRole = Pick<Row<'groupNetworkRole'>, 'network' | 'networkRole' | 'group'>;

/** Those of the roles that groups hold which open their network; network 0 stands for every one. */
export async function openingAmong(
  reader: Reader,
  org: number,
  held: readonly HeldRole[],
): Promise<readonly HeldRole[]> {
  const ids = held.map(({ networkRole }) => networkRole);
  const roles = await reader.find('networkRole', org, { id: ids }, MANY);
  const opening = new Set(roles.filter(opensNetwork).map(({ id }) => id));
  return held.filter(({ networkRole }) => opening.has(networkRole));
}

const administratorsReach = async (reader: Reader, org: number): Promise<boolean> =>
  (await readSettings(reader, org)).admins_reach_networks;

const isAdministratorEverywhere = async (reader: Reader, { org, role }: Membership): Promise<boolean> =>
  ADMINISTRATIVE_ROLES.has(role) && (await administratorsReach(reader, org));

export interface MemberReach {
  /** Whether something behind the network's gateways is open to the member. */
  reaches(network: number): boolean;
  /** Whether a role opens the whole network to the member. */
  holdsRole(network: number): boolean;
  /** The resources that are open to the member, of all networks. */
  readonly resources: readonly Resource[];
}

export async function reachOf(reader: Reader, member: Membership, now: number): Promise<MemberReach> {
  const { org } = member;
  const groups = await activeGroupsOf(reader, member);
  const held = await reader.find('groupNetworkRole', org, { group: groups }, MANY);
  const networks = new Set((await openingAmong(reader, org, held)).map(({ network }) => network));
  const all = networks.has(0) || (await isAdministratorEverywhere(reader, member));
  const holdsRole = (network: number): boolean => all || networks.has(network);
  const edges = (
    await reader.find('accessEdge', org, { principalKind: 'group', principal: groups }, MANY)
  ).filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  const byEdge = await reader.find('resource', org, { id: edges.map(({ resource }) => resource) }, MANY);
  const wide = all
    ? await reader.find('resource', org, { networkWide: true }, MANY)
    : await reader.find('resource', org, { networkWide: true, network: [...networks] }, MANY);
  const resources = new Map<number, Resource>();
  for (const resource of [...byEdge, ...wide.filter(isManual)]) {
    if (resource.active) resources.set(resource.id, resource);
  }
  const open = new Set([...resources.values()].map(({ network }) => network));
  return {
    reaches: (network) => open.has(network) || holdsRole(network),
    holdsRole,
    resources: [...resources.values()],
  };
}

/** The ids of the members who reach something in the network; undefined stands for everybody who joined. */
export async function membersReaching(
  reader: Reader,
  { org, id }: Network,
  now: number,
): Promise<ReadonlySet<number> | undefined> {
  const resources = (await reader.find('resource', org, { network: id }, MANY)).filter(
    ({ active }) => active,
  );
  const edges = (
    await reader.find(
      'accessEdge',
      org,
      { principalKind: 'group', resource: resources.map((one) => one.id) },
      MANY,
    )
  ).filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
  const held = await reader.find('groupNetworkRole', org, { network: [0, id] }, MANY);
  const principals = new Set([
    ...edges.map(({ principal }) => principal),
    ...(await openingAmong(reader, org, held)).map(({ group }) => group),
  ]);
  const groups = (await reader.find('group', org, { id: [...principals] }, MANY)).filter(
    (group: Group) => group.active,
  );
  if (groups.some(({ systemKey }) => systemKey === 'everyone')) return undefined;
  const links = await reader.find('groupMember', org, { group: groups.map((group) => group.id) }, MANY);
  const administrators = (await administratorsReach(reader, org))
    ? await reader.find('membership', org, { role: [...ADMINISTRATIVE_ROLES] }, MANY)
    : [];
  return new Set([
    ...links.map(({ membership }) => membership),
    ...administrators.map((member) => member.id),
  ]);
}
