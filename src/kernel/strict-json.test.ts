import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson } from './strict-json.ts';

describe('strict JSON', () => {
  test.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"a":1 , "a" : 2}}',
    '[{"a":1},{"b":[{"c":1,"d":2,"c":3}]}]',
    '{"a":"\\"","b":"{\\"a\\":1}","a":0}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '{',
    '',
  ])('refuses %j', (text) => {
    expect(parseStrictJson(text)).toBeUndefined();
  });
  test.each(['{"a":{"a":1},"b":{"a":1}}', '["a","a",":"]', '{"a":"\\\\","b":"a"}', '"a"', 'null', ' { } '])(
    'takes %j',
    (text) => {
      expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) });
    },
  );
  test('takes whatever JSON is written from a value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrictJson(text)?.value).toEqual(JSON.parse(text));
      }),
    );
  });
  test('refuses any object with a name said again', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
        fc.jsonValue(),
        (object, other) => {
          const [name = ''] = Object.keys(object);
          const again = `${JSON.stringify(name)}:${JSON.stringify(other)}`;
          const text = `${JSON.stringify(object).slice(0, -1)},${again}}`;
          expect(parseStrictJson(text)).toBeUndefined();
        },
      ),
    );
  });
});
