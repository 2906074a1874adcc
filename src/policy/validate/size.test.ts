import { describe, expect, it } from 'vitest';
import { EMPTY_CONTEXT, PolicyError, parsePolicy, validatePolicy } from '../index.ts';

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
/** Addresses that do not join to ranges. */
const scattered = (count: number): string[] => many(count, (i) => `10.${i >> 7}.${(i % 128) * 2}.1`);

function refusal(policy: object): PolicyError | undefined {
  try {
    validatePolicy(parsePolicy(JSON.stringify(policy, null, 1)), EMPTY_CONTEXT);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
}

describe('the size of filters', () => {
  const ipsets = { 'ipset:a': scattered(1_000) };

  it.each([
    [
      'destinations of an IP set, once for each rule',
      { ipsets, grants: many(600, (i) => ({ src: ['*'], dst: ['ipset:a'], ip: [`${i + 1}`] })) },
      'grants[499]',
    ],
    [
      'sources of an IP set, once for each other list of sources',
      {
        ipsets,
        grants: many(600, (i) => ({ src: ['ipset:a', `11.0.${i >> 8}.${i & 255}`], dst: ['*'], ip: ['*'] })),
      },
      'grants[499]',
    ],
    [
      'destinations, once for each port',
      { grants: [{ src: ['*'], dst: scattered(800), ip: many(800, (i) => `${2 * i + 1}`) }] },
      'grants[0]',
    ],
    [
      'sources of capabilities, once for each rule',
      { ipsets, grants: many(600, () => ({ src: ['ipset:a'], dst: ['*'], app: { 'a.test/cap/x': [{}] } })) },
      'grants[499]',
    ],
  ])('is bounded: %s', (_, policy, rule) => {
    const found = refusal(policy);
    expect(found?.message).toMatch(
      new RegExp(`^${rule.replace(/[[\]]/g, '\\$&')}: IP sets, destinations and ports`),
    );
    expect(found?.message).toContain('500000 are the most');
    expect(found?.line).toBeGreaterThan(1);
  });

  it('lets a large IP set be the source of thousands of rules, which a filter lists once', () => {
    const grants = many(3_000, (i) => ({
      src: ['ipset:a'],
      dst: [`10.0.${i >> 8}.${i & 255}`],
      ip: ['443'],
    }));
    expect(refusal({ ipsets, grants })).toBeUndefined();
  });

  it('lets hundreds of rules open an IP set of hundreds of addresses', () => {
    const grants = many(400, (i) => ({ src: ['*'], dst: ['ipset:a'], ip: [`${i + 1}`] }));
    expect(refusal({ ipsets, grants })).toBeUndefined();
  });
});
