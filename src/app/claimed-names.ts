/** Names that a connector says lead to what is another network's resource. They lead nobody there, which somebody may wonder about. */
import { readClaims } from '../domain/networks/address-claims.ts';
import { isBound } from '../domain/networks/gateway-binding.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import type { Finding } from './finding.ts';

const CHECK = 'names of networks';
/** Named; of the rest only that there are more. */
const SHOWN = 5;
const MANY = 100_000;

/** Looks at every organization whose connectors have resolved names. */
export async function lookAtClaimedNames(store: Store): Promise<Finding> {
  const found: string[] = [];
  for (const { id: org, label } of await store.find('organization', INSTALLATION, {}, MANY)) {
    if (found.length > SHOWN) break;
    const names = await store.find('resolvedName', org, {}, MANY);
    if (names.length === 0) continue;
    const claimantOf = await readClaims(store, org);
    const gateways = (await store.find('gateway', org, {}, MANY)).filter(isBound);
    for (const { device, name, addresses } of names) {
      for (const { network } of gateways.filter((gateway) => gateway.device === device)) {
        const claimed = addresses.filter((address) => claimantOf(network, address) !== undefined);
        if (claimed.length > 0) found.push(`${name} at ${claimed.join(' and ')} in ${label}`);
      }
    }
  }
  if (found.length === 0) return { check: CHECK, state: 'ok', says: 'none leads into another network' };
  const more = found.length > SHOWN ? ', and more' : '';
  return {
    check: CHECK,
    state: 'warning',
    says: `these lead to addresses that are resources of another network, so nobody is led there; where they are right, make the addresses resources of the names' own network: ${found.slice(0, SHOWN).join('; ')}${more}`,
  };
}
