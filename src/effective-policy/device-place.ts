/** Where a device is, for an organization whose routes go through the carrier in the region of whoever uses them. */
import { relayLatencies } from '../domain/devices/relay-latencies.ts';
import type { DeviceLive } from '../domain/model/devices.ts';
import type { DeviceFacts } from '../domain/snapshot/device-facts.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { DeviceInput } from '../policy/index.ts';

/** A device is told apart by no more regions than this; there are some thirty public ones. */
const MAX_REGIONS = 64;

/** The home region, then the others that the device has measured, nearest first. */
export function regionsOf({ homeDerp, netInfo }: Pick<DeviceLive, 'homeDerp' | 'netInfo'>): number[] {
  const others = [...relayLatencies(netInfo)].filter(([region]) => region !== homeDerp);
  others.sort(([a, near], [b, far]) => near - far || a - b);
  return [homeDerp, ...others.map(([region]) => region)].slice(0, MAX_REGIONS);
}

/** Of a device that is no carrier it does not matter here whether it is connected, and that changes all the time. */
const mayCarry = (snapshot: Snapshot, { device, routes }: DeviceFacts): boolean =>
  routes.size > 0 ||
  snapshot.gatewaysOf(device.id).length > 0 ||
  [...snapshot.servicesOf(device.id)].length > 0;

export const followsRegions = (snapshot: Snapshot): boolean =>
  snapshot.setting('regional_routing')?.value === true;

/** Nothing while the organization has no regional routing, or the device knows no home relay. */
export function placeOf(snapshot: Snapshot, facts: DeviceFacts): Pick<DeviceInput, 'regions' | 'online'> {
  if (!followsRegions(snapshot)) return {};
  const { live, presence } = facts;
  if (live === undefined || live.homeDerp === 0) return {};
  return {
    regions: regionsOf(live),
    ...(mayCarry(snapshot, facts) ? { online: presence?.online ?? false } : {}),
  };
}
