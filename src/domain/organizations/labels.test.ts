import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../kernel/random.ts';
import { labelOf } from './labels.ts';

describe('a label', () => {
  test.each([
    ['Acme', 'acme'],
    ['  Acme, Inc. ', 'acme-inc'],
    ['Žluťoučký kůň', 'zlutoucky-kun'],
    ['x', 'x'],
    ['a--b', 'a-b'],
    [`${'a'.repeat(62)} b`, 'a'.repeat(62)],
  ])('of %j is %j', (name, label) => {
    expect(labelOf(name, systemRandom)).toBe(label);
  });
  test.each([
    ['', /^org-[a-z0-9]{5}$/u],
    ['日本', /^org-[a-z0-9]{5}$/u],
    ['API', /^api-[a-z0-9]{5}$/u],
    ['2024', /^2024-[a-z0-9]{5}$/u],
    ['a'.repeat(26), /^a{26}-[a-z0-9]{5}$/u],
  ])('of %j gets a tail', (name, form) => {
    expect(labelOf(name, systemRandom)).toMatch(form);
  });
  test('that is taken gets a tail, and fits', () => {
    expect(labelOf('acme', systemRandom, true)).toMatch(/^acme-[a-z0-9]{5}$/u);
    expect(labelOf('a'.repeat(80), systemRandom, true)).toMatch(/^a{57}-[a-z0-9]{5}$/u);
  });
  test('is one, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.boolean(), (name, taken) => {
        expect(labelOf(name, systemRandom, taken)).toMatch(/^(?=.{1,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/u);
      }),
    );
  });
});
