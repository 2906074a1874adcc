/** Keeps one carrier for each subnet route: looks again at the prefixes of a device whenever it changes. */
import { electPrimary } from '../../domain/devices/primaries.ts';
import { isEffective, isExitPrefix } from '../../domain/devices/routes.ts';
import type { DeviceFacts, Snapshot } from '../../domain/snapshot/snapshot.ts';

/** Whether a device may carry anything: approved, not blocked, of an owner who is not suspended. */
function takesPart(snapshot: Snapshot, facts: DeviceFacts): boolean {
  const { device } = facts;
  if (device.authorizedAt === null || device.blockedAt !== null) return false;
  if (device.ownerKind !== 'membership') return true;
  const owner = snapshot.memberships.get(device.owner);
  return owner !== undefined && owner.suspendedAt === null;
}

export interface RouteElections {
  /** The prefixes whose carrier should change, and to whom, after these devices changed. */
  after(touched: ReadonlySet<number>): { readonly prefix: string; readonly device: number | undefined }[];
}

/** Routes outside any network compete as network 0. */
const NO_NETWORK = 0;

export function createRouteElections(snapshot: Snapshot): RouteElections {
  const servers = new Map<string, Set<number>>();
  const served = new Map<number, ReadonlySet<string>>();

  const servedNow = (id: number): ReadonlySet<string> => {
    const facts = snapshot.devices.get(id);
    if (facts === undefined || !takesPart(snapshot, facts)) return new Set();
    const routes = [...facts.routes.values()].filter(
      (route) => isEffective(route) && !isExitPrefix(route.prefix),
    );
    return new Set(routes.map(({ prefix }) => prefix));
  };

  return {
    after: (touched) => {
      const affected = new Set<string>();
      for (const id of touched) {
        const before = served.get(id) ?? new Set<string>();
        const now = servedNow(id);
        if (before.size === 0 && now.size === 0) continue;
        for (const prefix of before) {
          affected.add(prefix);
          if (!now.has(prefix)) servers.get(prefix)?.delete(id);
        }
        for (const prefix of now) {
          affected.add(prefix);
          const devices = servers.get(prefix);
          if (devices === undefined) servers.set(prefix, new Set([id]));
          else devices.add(id);
        }
        if (now.size === 0) served.delete(id);
        else served.set(id, now);
      }
      return [...affected].flatMap((prefix) => {
        const candidates = [...(servers.get(prefix) ?? [])].map((device) => ({
          device,
          online: snapshot.devices.get(device)?.presence?.online ?? false,
        }));
        const current = snapshot.primaries.get(`${NO_NETWORK}/${prefix}`)?.device;
        const elected = electPrimary(candidates, current);
        return elected === current ? [] : [{ prefix, device: elected }];
      });
    },
  };
}
