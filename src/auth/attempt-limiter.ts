/**
 * Counts failed sign-ins in memory, by whatever keys the caller names (an account, an address), and refuses further tries
 * for a while. The same holds for names that nobody has, so that a refusal tells nothing. Each process counts for itself:
 * the bound is a brake on guessing, not a promise to the digit.
 */
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';

const WINDOW_MS = 5 * MINUTE;
const MAX_KEYS = 50_000;

export interface AttemptKey {
  readonly key: string;
  /** Failures in five minutes after which tries are refused. */
  readonly limit: number;
}

export interface AttemptLimiter {
  /** Throws `rate_limited` while one of the keys is over its limit. */
  check(keys: readonly AttemptKey[]): void;
  failed(keys: readonly AttemptKey[]): void;
  /** A right answer clears the count of a key. */
  succeeded(key: string): void;
}

interface Count {
  failures: number;
  readonly until: number;
}

export function createAttemptLimiter({ clock }: { readonly clock: Clock }): AttemptLimiter {
  const counts = new Map<string, Count>();
  const current = (key: string): Count | undefined => {
    const count = counts.get(key);
    if (count === undefined || count.until > clock.now()) return count;
    counts.delete(key);
    return undefined;
  };
  return {
    check: (keys) => {
      for (const { key, limit } of keys) {
        const count = current(key);
        if (count !== undefined && count.failures >= limit) {
          throw new AppError('rate_limited', 'too many failed attempts, try again later', {
            details: { retryAfterSeconds: Math.ceil((count.until - clock.now()) / 1000) },
          });
        }
      }
    },
    failed: (keys) => {
      for (const { key } of keys) {
        const count = current(key);
        if (count !== undefined) count.failures += 1;
        else {
          const oldest = counts.size >= MAX_KEYS ? counts.keys().next().value : undefined;
          if (oldest !== undefined) counts.delete(oldest);
          counts.set(key, { failures: 1, until: clock.now() + WINDOW_MS });
        }
      }
    },
    succeeded: (key) => {
      counts.delete(key);
    },
  };
}
