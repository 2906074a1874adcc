import fc from 'fast-check';
import { expect, test } from 'vitest';
import { processorTime } from '../../tests/support/processor-time.ts';
import { AppError } from './errors.ts';
import { createPattern } from './pattern.ts';

test.each([
  ['ab', 'xaby', true],
  ['^ab$', 'xab', false],
  ['a.c', 'a\nc', false],
  ['[^a-c]+$', 'abcd', true],
  ['(foo|bar){2}', 'foobar', true],
  ['(foo|bar){3}', 'foobar', false],
  ['^a{2,3}$', 'aaaa', false],
  ['^(a*)*$', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaab', false],
  ['\\d+-\\w*', 'no 12-x', true],
  ['', 'anything', true],
  ['^$', '', true],
  ['[]a]', ']', true],
  ['[a-]', '-', true],
  ['ü+', 'Brücke', true],
])('%j on %j is %j', (pattern, text, expected) => {
  expect(createPattern(pattern).matches(text)).toBe(expected);
});

test.each([
  '(',
  ')',
  'a**',
  '*',
  '[',
  '[b-a]',
  '\\1',
  '(?=a)',
  '(?<n>a)',
  'a{1000}',
  'a{2,1}',
  '[[:alpha:]]',
  '\\b',
  '{',
  'x'.repeat(501),
])('%s is refused by name', (pattern) => {
  expect(() => createPattern(pattern)).toThrow(expect.objectContaining({ code: 'invalid', field: 'regexp' }));
});

const atoms = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '(a|b)',
  '(?:ab)?',
  'a*',
  'b+',
  'a{1,2}',
  '^',
  '$',
  '|',
);

test('it agrees with the language’s own regular expressions', () => {
  fc.assert(
    fc.property(
      fc.array(atoms, { maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('a', 'b', '1', '\n'), maxLength: 8 }),
      (parts, text) => {
        const source = parts.join('');
        expect(createPattern(source).matches(text)).toBe(new RegExp(source, 'u').test(text));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('any text is either a pattern or refused as invalid', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (source) => {
      try {
        createPattern(source).matches('some text');
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('its time grows with the text, not with the ways to match it', () => {
  const pattern = createPattern('(a|a|aa)*(a*)*(.*a){10}$');
  const time = processorTime(() => {
    pattern.matches(`${'a'.repeat(5_000)}b`);
  });
  expect(time).toBeLessThan(2_000);
});
