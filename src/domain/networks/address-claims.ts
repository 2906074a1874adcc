/**
 * Which networks have an address among their resources. A gateway says where the names of its network lead, and is not
 * believed about what is another network's: people with access to both would be led to the one that was there first.
 */
import {
  formatPrefix,
  isDefaultRoute,
  masked,
  type Prefix,
  parseAddr,
  parseAddrOrPrefix,
} from '../../kernel/netip/index.ts';
import type { Network, Resource } from '../model/networks.ts';
import type { Reader } from '../ports/store.ts';

type Claiming = Pick<Resource, 'id' | 'network' | 'addressText' | 'addressKind' | 'active' | 'bypass'>;

/** What a resource claims by itself: an address or a range that is carried, and not the way out to everything. */
export function claimOf({ addressKind, addressText, active, bypass }: Claiming): Prefix | undefined {
  if (addressKind === 'dns' || !active || bypass) return undefined;
  const prefix = parseAddrOrPrefix(addressText);
  return prefix === undefined || isDefaultRoute(prefix) ? undefined : masked(prefix);
}

export interface AddressClaims {
  /** `resource` undefined: it is gone. */
  set(id: number, resource: Claiming | undefined): void;
  /**
   * The network whose an address is, when it is not the asking one's as well; the lowest of several.
   * @param isActive whether a network carries anything
   */
  claimant(
    network: Network['id'],
    address: string,
    isActive: (network: Network['id']) => boolean,
  ): Network['id'] | undefined;
}

export function createAddressClaims(): AddressClaims {
  /** By prefix; in it the networks of the resources that claim it. */
  const claims = new Map<string, Map<number, number>>();
  const placed = new Map<number, string>();
  /** How many prefixes there are of each length, so that a look-up asks for those alone. */
  const lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  const count = ({ addr, bits }: Prefix, by: number): void => {
    const counts = lengths[addr.family];
    const now = (counts.get(bits) ?? 0) + by;
    if (now === 0) counts.delete(bits);
    else counts.set(bits, now);
  };
  const drop = (id: number): void => {
    const key = placed.get(id);
    const prefix = key === undefined ? undefined : parseAddrOrPrefix(key);
    if (key === undefined || prefix === undefined) return;
    placed.delete(id);
    const there = claims.get(key);
    there?.delete(id);
    if (there?.size === 0) claims.delete(key);
    count(prefix, -1);
  };

  return {
    set: (id, resource) => {
      drop(id);
      const prefix = resource && claimOf(resource);
      if (resource === undefined || prefix === undefined) return;
      const key = formatPrefix(prefix);
      placed.set(id, key);
      claims.set(key, (claims.get(key) ?? new Map<number, number>()).set(id, resource.network));
      count(prefix, 1);
    },
    claimant: (network, address, isActive) => {
      const addr = parseAddr(address);
      if (addr === undefined) return undefined;
      let found: number | undefined;
      for (const bits of lengths[addr.family].keys()) {
        for (const other of claims.get(formatPrefix(masked({ addr, bits })))?.values() ?? []) {
          if (other === network) return undefined;
          if (isActive(other) && (found === undefined || other < found)) found = other;
        }
      }
      return found;
    },
  };
}

/** The network whose an address is, when no name of the asking one may lead there; undefined: it may. */
export type ClaimantOf = (network: Network['id'], address: string) => Network['id'] | undefined;

const MANY = 100_000;

/** The claims of an organization's resources, from the store. */
export async function readClaims(reader: Pick<Reader, 'find'>, org: number): Promise<ClaimantOf> {
  const claims = createAddressClaims();
  const where = { active: true, bypass: false, addressKind: ['ip', 'cidr'] } as const;
  for (const resource of await reader.find('resource', org, where, MANY)) claims.set(resource.id, resource);
  const networks = await reader.find('network', org, { active: true }, MANY);
  const active = new Set(networks.map(({ id }) => id));
  return (network, address) => claims.claimant(network, address, (other) => active.has(other));
}
