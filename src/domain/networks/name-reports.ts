/** The names that a gateway's device has resolved, as it tells when it is asked. Not audited, like all that devices report. */
import { formatAddr, parseAddr } from '../../kernel/netip/index.ts';
import type { Device } from '../model/devices.ts';
import type { Store, Tx } from '../ports/store.ts';
import { readClaims } from './address-claims.ts';
import { isBound } from './gateway-binding.ts';
import { isResolvable, normalName } from './resource-names.ts';

export interface NameReports {
  /** All that the device knows: what it told before and does not tell now is forgotten. Errors: none of its own. */
  report(
    device: Pick<Device, 'org' | 'id'>,
    names: Readonly<Record<string, readonly string[] | null>>,
  ): Promise<void>;
}

const MAX_NAMES = 5_000;
const MAX_ADDRESSES = 64;
/** Of all its names together: each becomes a route that everybody with access to the name is told. */
const MAX_ROUTES = 4_096;
const MAX_WARNINGS = 20;
const NAME = /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/u;
const BY = { kind: 'system', id: '', name: 'control' } as const;

export function createNameReports({ store }: { readonly store: Pick<Store, 'write' | 'find'> }): NameReports {
  return {
    report: async ({ org, id: device }, names) => {
      const found = usable(names);
      const known = await store.find('resolvedName', org, { device });
      const same =
        known.length === found.size &&
        known.every(({ name, addresses }) => found.get(name)?.join() === addresses.join());
      if (same) return;
      await store.write({ orgs: [org], by: BY, origin: 'control' }, async (tx) => {
        // A device may be gone since it was asked; what it said must not outlive it.
        if ((await tx.get('device', org, device)) === undefined) return;
        await warnOfClaims(tx, org, device, found);
        const gone = new Map((await tx.find('resolvedName', org, { device })).map((row) => [row.name, row]));
        for (const [name, addresses] of found) {
          const before = gone.get(name);
          gone.delete(name);
          if (before?.addresses.join() !== addresses.join())
            await tx.put('resolvedName', { org, device, name, addresses });
        }
        for (const name of gone.keys()) await tx.remove('resolvedName', org, { device, name });
      });
    },
  };
}

/** Says in the audit log which of the new addresses are another network's: nobody is led there by these names. */
async function warnOfClaims(
  tx: Tx,
  org: number,
  device: number,
  found: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const known = new Map((await tx.find('resolvedName', org, { device })).map((row) => [row.name, row]));
  const fresh = [...found].flatMap(([name, addresses]) =>
    addresses
      .filter((address) => known.get(name)?.addresses.includes(address) !== true)
      .map((address) => ({ name, address })),
  );
  if (fresh.length === 0) return;
  const gateways = (await tx.find('gateway', org, { device })).filter(isBound);
  if (gateways.length === 0) return;
  const claimantOf = await readClaims(tx, org);
  const refused = gateways.flatMap(({ id, name, network }) =>
    fresh.flatMap((one) => {
      const claimant = claimantOf(network, one.address);
      return claimant === undefined ? [] : [{ ...one, gateway: { id, name }, network, claimant }];
    }),
  );
  for (const { name, address, gateway, network, claimant } of refused.slice(0, MAX_WARNINGS)) {
    const other = await tx.get('network', org, claimant);
    tx.audit(org, {
      verb: 'update',
      objectKind: 'gateway',
      objectId: gateway.id,
      objectName: gateway.name,
      field: 'warning',
      after: `${name} was found to be ${address}, which is a resource of ${other?.name ?? 'another network'}: it leads nobody there`,
      network,
    });
  }
}

export function usable(
  names: Readonly<Record<string, readonly string[] | null>>,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const routes = new Set<string>();
  for (const [text, addresses] of Object.entries(names)) {
    const name = normalName(text);
    if (found.size >= MAX_NAMES) break;
    if (!NAME.test(name)) continue;
    const all = new Set<string>();
    for (const address of addresses ?? []) {
      const addr = parseAddr(address);
      if (addr === undefined || !isResolvable(address)) continue;
      const canonical = formatAddr(addr);
      if (!routes.has(canonical) && routes.size >= MAX_ROUTES) continue;
      if (all.size >= MAX_ADDRESSES) break;
      all.add(canonical);
      routes.add(canonical);
    }
    if (all.size > 0) found.set(name, [...all].sort());
  }
  return found;
}
