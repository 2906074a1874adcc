/**
 * What a network role allows in its network, and the roles and groups that every network has. Such a role is never a
 * member's role in the organization: it hangs on groups, and rules in its network alone.
 */
import type { AccessRights, NetworkRole, NetworkThing, RoleAccess } from '../model/people.ts';

/** Stands for all things of a kind. */
export const EVERY = '*';

export type NetworkRank = 'admin' | 'user';
export const NETWORK_RANKS: readonly NetworkRank[] = ['admin', 'user'];

/** What roles and groups over all networks begin with; no network has it as its slug. */
const GLOBAL = 'global';

/** @param slug the network's, or null for all networks */
export const builtInRoleKey = (slug: string | null, rank: NetworkRank): string =>
  `${slug ?? GLOBAL}-network-${rank}`;
export const networkGroupKey = (slug: string | null, rank: NetworkRank): string =>
  `${builtInRoleKey(slug, rank)}-grp`;

export interface BuiltIn {
  /** Null: of all networks. */
  readonly slug: string | null;
  readonly rank: NetworkRank;
}

function parse(text: string, suffixOf: (rank: NetworkRank) => string): BuiltIn | undefined {
  for (const rank of NETWORK_RANKS) {
    const suffix = suffixOf(rank);
    // Neither suffix ends the other, so a text is at most one network's.
    if (text.endsWith(suffix) && text.length > suffix.length) {
      const slug = text.slice(0, -suffix.length);
      return { slug: slug === GLOBAL ? null : slug, rank };
    }
  }
  return undefined;
}

/** Which network's role a key would be; whether there is such a network is another question. */
export const parseBuiltInRole = (key: string): BuiltIn | undefined =>
  parse(key, (rank) => `-network-${rank}`);
export const parseNetworkGroup = (key: string): BuiltIn | undefined =>
  parse(key, (rank) => `-network-${rank}-grp`);

const NO_RIGHTS: AccessRights = {
  create: false,
  read: false,
  update: false,
  delete: false,
  connect: false,
  ownOnly: false,
};

const READ: AccessRights = { ...NO_RIGHTS, read: true };
const OWN: AccessRights = {
  ...NO_RIGHTS,
  create: true,
  read: true,
  update: true,
  delete: true,
  ownOnly: true,
};

const USER_ACCESS: RoleAccess = {
  device: { [EVERY]: READ },
  dns: { [EVERY]: READ },
  policy: { [EVERY]: READ },
  resource: { [EVERY]: READ },
  'internet-gateway': { [EVERY]: READ },
  relay: { [EVERY]: READ },
  tag: { [EVERY]: READ },
  posture: { [EVERY]: READ },
  nameserver: { [EVERY]: READ },
  gateway: { [EVERY]: { ...READ, connect: true } },
  'ext-client': { [EVERY]: OWN },
  'access-request': { [EVERY]: OWN },
};

/** What the built-in role of a rank allows, beside what full access does. */
export const accessOfRank = (rank: NetworkRank): RoleAccess => (rank === 'admin' ? {} : USER_ACCESS);

/** The gateways through which holders of a role reach its network. */
export function openGateways({
  fullAccess,
  access,
}: Pick<NetworkRole, 'fullAccess' | 'access'>): 'all' | ReadonlySet<number> {
  const gateways = access.gateway ?? {};
  if (fullAccess || gateways[EVERY]?.connect === true) return 'all';
  const open = Object.entries(gateways).filter(([, rights]) => rights.connect);
  return new Set(open.map(([id]) => Number(id)).filter((id) => Number.isSafeInteger(id) && id > 0));
}

export type NetworkVerb = 'create' | 'read' | 'update' | 'delete';

/** How far a role reaches over a thing of its network: over everybody's, over its holder's own, or not at all. */
export function reachOf(
  role: Pick<NetworkRole, 'fullAccess' | 'access'>,
  thing: NetworkThing,
  id: string,
  verb: NetworkVerb,
): 'all' | 'own' | undefined {
  if (role.fullAccess) return 'all';
  const held = role.access[thing] ?? {};
  const rights = [held[EVERY], held[id]].filter((one) => one?.[verb] === true);
  if (rights.some((one) => one?.ownOnly === false)) return 'all';
  return rights.length > 0 ? 'own' : undefined;
}

/** Whether holders of a role change what belongs to others. */
export const administrates = ({ fullAccess, access }: Pick<NetworkRole, 'fullAccess' | 'access'>): boolean =>
  fullAccess ||
  Object.values(access).some((byId) =>
    Object.values(byId ?? {}).some(
      (rights) => !rights.ownOnly && (rights.create || rights.update || rights.delete),
    ),
  );
