import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAnyGlobalId, decodeGlobalId, encodeGlobalId, ID_TYPES } from './global-id.ts';

test('an id is base64 of its type and integer, with padding', () => {
  expect(encodeGlobalId('RemoteNetwork', 18_831)).toBe('UmVtb3RlTmV0d29yazoxODgzMQ==');
});

test('an id comes back as its own type and no other', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ID_TYPES),
      fc.constantFrom(...ID_TYPES),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      (type, other, id) => {
        expect(decodeGlobalId(other, encodeGlobalId(type, id))).toBe(type === other ? id : undefined);
      },
    ),
  );
});

test.each([
  'User:0',
  'User:-1',
  'User:01',
  'User:1.5',
  'User:9007199254740993',
  'user:1',
  'Nothing:1',
  'User:1\n',
  'User:1:2',
  'User',
])('%j is no id', (text) => {
  expect(decodeAnyGlobalId(Buffer.from(text).toString('base64'))).toBeUndefined();
});

test('only the canonical base64 is an id', () => {
  const id = encodeGlobalId('User', 10);
  for (const text of [id.replace(/=+$/u, ''), ` ${id}`, `${id}\n`, `${id}==`, '']) {
    expect(decodeAnyGlobalId(text)).toBeUndefined();
  }
});
