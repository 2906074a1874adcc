/** Lets `burst` events through at once and `perSecond` after that. */
export interface RateLimit {
  take(now: number): boolean;
}

export function createRateLimit(perSecond: number, burst: number): RateLimit {
  let tokens = burst;
  let last: number | undefined;
  return {
    take: (now) => {
      tokens = Math.min(burst, tokens + (Math.max(0, now - (last ?? now)) / 1000) * perSecond);
      last = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
