import { expect, test } from 'vitest';
import { processorTime } from '../../../tests/support/processor-time.ts';
import { fitsGlob } from './federation-service.ts';

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['repo:acme/*:ref:main', 'repo:acme/web:ref:main', true],
  ['repo:acme/*:ref:main', 'repo:acme/web:ref:dev', false],
  ['repo:acme/*', 'repo:acme-evil/web', false],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*b*', 'abc', true],
  ['a**c', 'abc', true],
  ['a*b*c', 'acb', false],
  ['exact', 'exact', true],
  ['exact', 'exactly', false],
  ['.*', 'x', false],
])('the pattern %s takes %j: %s', (pattern, text, expected) => {
  expect(fitsGlob(pattern, text)).toBe(expected);
});

test('a long pattern against a long text is answered at once', () => {
  const time = processorTime(() => {
    expect(fitsGlob('*a'.repeat(250), `${'a'.repeat(100_000)}b`)).toBe(false);
  });
  expect(time).toBeLessThan(1_000);
});
