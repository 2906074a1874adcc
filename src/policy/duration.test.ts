import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it.each([
  ['12h', 12 * HOUR, '12h0m0s'],
  ['168h0m1s', 168 * HOUR + 1_000, '168h0m1s'],
  ['1h30m', 90 * MINUTE, '1h30m0s'],
  ['-1m', -MINUTE, '-1m0s'],
  ['30s', 30_000, '30s'],
  ['1.5s', 1_500, '1.5s'],
  ['0', 0, '0s'],
  ['0s', 0, '0s'],
  ['250ms', 250, '250ms'],
])('reads %s and prints it as Go does', (text, ms, printed) => {
  expect(parseDuration(text)).toBe(ms);
  expect(formatDuration(ms)).toBe(printed);
});

it.each(['', 'abc', '1', '1d', 'h', '1h 2m', '--1h', '1,5h'])('refuses %j', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});
