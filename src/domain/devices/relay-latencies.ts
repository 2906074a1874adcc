/** How far a device says the relay regions are. */
import type { HostFacts } from '../model/devices.ts';

const LATENCY_KEY = /^(\d{1,6})-v[46]$/u;

/** Seconds by region, the better of its two families. What a device reports is taken only where it can be true. */
export function relayLatencies(netInfo: HostFacts | null | undefined): Map<number, number> {
  const best = new Map<number, number>();
  const reported = netInfo?.DERPLatency;
  if (reported === null || typeof reported !== 'object') return best;
  for (const [key, seconds] of Object.entries(reported)) {
    const region = Number(LATENCY_KEY.exec(key)?.[1] ?? 0);
    if (region === 0 || typeof seconds !== 'number' || seconds < 0) continue;
    best.set(region, Math.min(seconds, best.get(region) ?? Number.POSITIVE_INFINITY));
  }
  return best;
}
