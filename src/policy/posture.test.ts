import { describe, expect, it } from 'vitest';
import { compareVersions, conditionHolds, parseCondition } from './posture.ts';

const holds = (text: string, attributes: Record<string, string | number | boolean>): boolean => {
  const condition = parseCondition(text);
  if (typeof condition === 'string') throw new Error(condition);
  return conditionHolds(condition, attributes);
};

describe('posture conditions', () => {
  it.each([
    ["node:os == 'linux'", { 'node:os': 'linux' }, true],
    ["node:os == 'linux'", { 'NODE:OS': 'linux' }, true],
    ["node:os == 'linux'", { 'node:os': 'Linux' }, false],
    ["node:os != 'linux'", { 'node:os': 'macos' }, true],
    ["node:os IN ['linux', 'macos']", { 'node:os': 'macos' }, true],
    ["node:os NOT IN ['linux', 'macos']", { 'node:os': 'windows' }, true],
    ["node:tsVersion >= '1.60'", { 'node:tsVersion': '1.100.2' }, true],
    ["node:tsVersion < '1.60'", { 'node:tsVersion': '1.58.9' }, true],
    ['node:tsVersion >= 1.40', { 'node:tsVersion': '1.38.4' }, false],
    ['node:tsVersion >= 1.40', { 'node:tsVersion': '1.40.1' }, true],
    ['node:osVersion == 1.40', { 'node:osVersion': '1.40' }, true],
    ['node:osVersion IN [12.10, 13]', { 'node:osVersion': '12.10' }, true],
    ['custom:tier > 2', { 'custom:tier': 3 }, true],
    ['custom:tier > 2', { 'custom:tier': '3' }, false],
    ['custom:managed == true', { 'custom:managed': true }, true],
    ['custom:managed IS SET', { 'custom:managed': false }, true],
    ['custom:managed NOT SET', {}, true],
    ['custom:managed NOT SET', { 'custom:managed': false }, false],
  ])('%s of %j is %s', (text, attributes, expected) => {
    expect(holds(text, attributes)).toBe(expected);
  });

  it.each(["x == 'a'", "x != 'a'", "x IN ['a']", "x NOT IN ['a']", 'x IS SET', 'x < 1', 'x >= 1'])(
    '%s does not hold for an attribute that is not set',
    (text) => {
      expect(holds(text, {})).toBe(false);
    },
  );

  it.each(['', 'x', 'x ==', "x = 'a'", "x == 'a", 'x IN a', "x IS SET 'a'", "== 'a'"])(
    'refuses %j',
    (text) => {
      expect(typeof parseCondition(text)).toBe('string');
    },
  );

  it('orders versions by their numbers', () => {
    const sorted = ['1.9', '1.10', '1.10.1', '1.10.1-t2', '2.0'];
    for (const [i, a] of sorted.entries()) {
      for (const [j, b] of sorted.entries()) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
    }
  });
});
