/** How much a part of the internet may ask: an authority asks a few times, from a few places. */
import { formatPrefix, masked, parseAddr, unmap } from '../../kernel/netip/index.ts';
import { createRecentMap } from '../../kernel/recent-map.ts';
import { createRateLimit, type RateLimit } from '../derp/rate.ts';

const PER_SECOND = 50;
const BURST = 200;
const ALL_PER_SECOND = 1_000;
const ALL_BURST = 2_000;
/** Parts that are remembered. */
const MAX_SOURCES = 4_096;
/** One customer's addresses. */
const IPV4_BITS = 24;
const IPV6_BITS = 56;

export interface SourceLimits {
  /** Whether a question from that address is answered now. */
  take(address: string, now: number): boolean;
}

export function createSourceLimits(): SourceLimits {
  const sources = createRecentMap<RateLimit>(MAX_SOURCES);
  const all = createRateLimit(ALL_PER_SECOND, ALL_BURST);
  return {
    take: (address, now) => {
      const source = sourceOf(address);
      let limit = sources.get(source);
      if (limit === undefined) {
        limit = createRateLimit(PER_SECOND, BURST);
        sources.set(source, limit);
      }
      return limit.take(now) && all.take(now);
    },
  };
}

/** The part of the internet that an address belongs to. */
export function sourceOf(address: string): string {
  const parsed = parseAddr(address.split('%', 1)[0] ?? '');
  if (parsed === undefined) return '';
  const addr = unmap(parsed);
  return formatPrefix(masked({ addr, bits: addr.family === 4 ? IPV4_BITS : IPV6_BITS }));
}
