import { expect, test } from 'vitest';
import { checkName, isDnsName } from './names.ts';

test('a name loses the blanks around it', () => {
  expect(checkName('  Prod  DC ')).toBe('Prod  DC');
});

test.each(['', '   ', 'a\nb', '\u0000', '\u0085', 'x'.repeat(256)])('%j is no name', (text) => {
  expect(() => checkName(text, 'title')).toThrow('title must');
});

test.each(['a', 'a.b', 'A-1.b_c.test', `${'x'.repeat(63)}.test`])('%s is a name of the DNS', (text) => {
  expect(isDnsName(text)).toBe(true);
});

test.each([
  '',
  '.',
  'a.',
  '.a',
  'a..b',
  '-a',
  'a-',
  'a b',
  'ä.test',
  `${'x'.repeat(64)}.test`,
  'a.'.repeat(127),
])('"%s" is none', (text) => {
  expect(isDnsName(text)).toBe(false);
});
