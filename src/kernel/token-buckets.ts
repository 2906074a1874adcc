/**
 * Bounds how often each of many callers may do something: a bucket of tokens for each, filled at a rate up to a depth, and a
 * call takes one or several out. Each process counts for itself. Buckets that are full are no different from none, and of too many those that were
 * asked for longest ago are forgotten, so the memory is bounded.
 */
import { type Clock, SECOND } from './clock.ts';
import { AppError } from './errors.ts';
import { createRecentMap } from './recent-map.ts';

export interface TokenBuckets {
  /** Errors: `rate_limited`, with the seconds after which there are enough again; nothing is taken then. */
  take(key: string, tokens?: number): void;
}

export interface TokenBucketsParts {
  readonly clock: Clock;
  /** What a caller may use at once, after a while of silence. */
  readonly depth: number;
  readonly perSecond: number;
  /** Callers that are remembered. */
  readonly capacity: number;
  /** What somebody who asks too often is told. */
  readonly refusal: string;
}

export function createTokenBuckets(parts: TokenBucketsParts): TokenBuckets {
  const { clock, depth, perSecond, capacity, refusal } = parts;
  const buckets = createRecentMap<{ left: number; at: number }>(capacity);
  return {
    take: (key, tokens = 1) => {
      const now = clock.now();
      const bucket = buckets.get(key) ?? { left: depth, at: now };
      const since = Math.max(0, now - bucket.at);
      bucket.left = Math.min(depth, bucket.left + (since * perSecond) / SECOND);
      bucket.at = now;
      buckets.set(key, bucket);
      // More than a bucket ever holds is let by when it is full: whoever asks must be able to get it some time.
      const needed = Math.min(tokens, depth);
      if (bucket.left < needed) {
        const retryAfterSeconds = Math.max(1, Math.ceil((needed - bucket.left) / perSecond));
        throw new AppError('rate_limited', refusal, { details: { retryAfterSeconds } });
      }
      bucket.left -= needed;
    },
  };
}
