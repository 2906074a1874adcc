/** Durations as people write them: 30d, 12h, 90m, 45s. */
import { DAY, HOUR, MINUTE, SECOND } from '../kernel/clock.ts';
import { UsageError } from './exit.ts';

const UNITS: Readonly<Record<string, number>> = { d: DAY, h: HOUR, m: MINUTE, s: SECOND };
const DURATION = /^(\d{1,6})([dhms])$/u;

/** Milliseconds. */
export function parseDuration(flag: string, text: string): number {
  const [, count, unit = ''] = DURATION.exec(text) ?? [];
  const size = UNITS[unit];
  if (count === undefined || size === undefined) {
    throw new UsageError(`${flag} must be a number with d, h, m or s, such as 30d, not "${text}"`);
  }
  return Number(count) * size;
}
