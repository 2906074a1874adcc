import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;

it.each([
  ['12h', 12n * HOUR, '12h0m0s'],
  ['168h0m1s', 168n * HOUR + SECOND, '168h0m1s'],
  ['168h1ns', 168n * HOUR + 1n, '168h0m0.000000001s'],
  ['1h30m', 90n * MINUTE, '1h30m0s'],
  ['1h1h', 2n * HOUR, '2h0m0s'],
  ['+.5m', 30n * SECOND, '30s'],
  ['1.h', HOUR, '1h0m0s'],
  ['-1m', -MINUTE, '-1m0s'],
  ['61s', 61n * SECOND, '1m1s'],
  ['1.5s', 1_500_000_000n, '1.5s'],
  ['0', 0n, '0s'],
  ['-0', 0n, '0s'],
  ['0s', 0n, '0s'],
  ['250ms', 250_000_000n, '250ms'],
  ['1500us', 1_500_000n, '1.5ms'],
  ['2µs', 2_000n, '2µs'],
  ['9ns', 9n, '9ns'],
  ['000000000000000000000001h', HOUR, '1h0m0s'],
  ['-9223372036854775808ns', -(2n ** 63n), '-2562047h47m16.854775808s'],
])('reads %s and prints it as Go does', (text, duration, printed) => {
  expect(parseDuration(text)).toBe(duration);
  expect(formatDuration(duration)).toBe(printed);
});

it.each([
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['abc', 'time: invalid duration "abc"'],
  ['h', 'time: invalid duration "h"'],
  ['.s', 'time: invalid duration ".s"'],
  ['--1h', 'time: invalid duration "--1h"'],
  ['1', 'time: missing unit in duration "1"'],
  ['1h2', 'time: missing unit in duration "1h2"'],
  ['1.5.2h', 'time: missing unit in duration "1.5.2h"'],
  ['7d', 'time: unknown unit "d" in duration "7d"'],
  ['1H', 'time: unknown unit "H" in duration "1H"'],
  ['1h 2m', 'time: unknown unit "h " in duration "1h 2m"'],
  ['1,5h', 'time: unknown unit "," in duration "1,5h"'],
  ['1"\\é', 'time: unknown unit "\\"\\\\\\xc3\\xa9" in duration "1\\"\\\\\\xc3\\xa9"'],
  ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'],
  ['3000000h', 'time: invalid duration "3000000h"'],
  ['99999999999999999999h', 'time: invalid duration "99999999999999999999h"'],
])('refuses %j in Go’s words', (text, problem) => {
  expect(parseDuration(text)).toBe(problem);
});

it('takes no time for a number of a million digits', () => {
  const digits = '9'.repeat(1_000_000);
  expect(String(parseDuration(`${digits}h`)).startsWith('time: invalid')).toBe(true);
  expect(parseDuration(`0.${digits}ns`)).toBe(0n);
});
