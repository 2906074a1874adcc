/** What a network role means for packets. */
import { openGateways } from '../groups/network-access.ts';
import type { NetworkRole } from '../model/people.ts';

/**
 * Whether a role opens its network to packets, and not only its settings to administrators. One that names single gateways
 * opens it as well: the gateways of a network lead to the same place.
 */
export function opensNetwork(role: Pick<NetworkRole, 'fullAccess' | 'access'>): boolean {
  const gateways = openGateways(role);
  return gateways === 'all' || gateways.size > 0;
}
