/** What became of a log stream's deliveries, in numbers: sums, and rates that forget what is long past. */
import { MINUTE, SECOND } from '../../kernel/clock.ts';

const RATED = ['bytes', 'entries', 'requests', 'failed'] as const;
type Rated = (typeof RATED)[number];

/** Kept as a flat object of numbers. `at`: when the rates were right, milliseconds since 1970. */
export type StreamCounts = Readonly<Record<Rated | `rate_${Rated}` | 'maxBody' | 'at', number>>;

/** A rate's weight falls to 1/e in this time. */
const FORGET_MS = 5 * MINUTE;

const NOTHING: StreamCounts = {
  ...{ bytes: 0, entries: 0, requests: 0, failed: 0, maxBody: 0, at: 0 },
  ...{ rate_bytes: 0, rate_entries: 0, rate_requests: 0, rate_failed: 0 },
};

export const countsOf = (stored: Readonly<Record<string, number>> | undefined): StreamCounts => ({
  ...NOTHING,
  ...stored,
});

/** The rates as of `now`, per second. */
export function decayed(counts: StreamCounts, now: number): StreamCounts {
  const weight = Math.exp(-Math.max(0, now - counts.at) / FORGET_MS);
  const rates = RATED.map((name) => [`rate_${name}`, counts[`rate_${name}`] * weight]);
  return { ...counts, ...Object.fromEntries(rates), at: now };
}

export interface Tried {
  readonly bytes: number;
  readonly entries: number;
  readonly ok: boolean;
}

/** After one more request: what failed sent nothing. */
export function counted(before: StreamCounts, { bytes, entries, ok }: Tried, now: number): StreamCounts {
  const counts = decayed(before, now);
  const added: Readonly<Record<Rated, number>> = {
    bytes: ok ? bytes : 0,
    entries: ok ? entries : 0,
    requests: 1,
    failed: ok ? 0 : 1,
  };
  const sums = RATED.flatMap((name) => [
    [name, counts[name] + added[name]],
    [`rate_${name}`, counts[`rate_${name}`] + (added[name] * SECOND) / FORGET_MS],
  ]);
  return { ...counts, ...Object.fromEntries(sums), maxBody: Math.max(counts.maxBody, bytes) };
}
