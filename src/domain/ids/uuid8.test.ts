import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeUuid, encodeUuid } from './uuid8.ts';

const ids = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test('an id comes back from its UUID, and only as the kind that it was made for', () => {
  fc.assert(
    fc.property(ids, (id) => {
      const uuid = encodeUuid('group', id);
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
      expect(decodeUuid('group', uuid)).toBe(id);
      expect(decodeUuid('device', uuid)).toBeUndefined();
    }),
  );
});

test('no other text is an id', () => {
  const uuid = encodeUuid('group', 49);
  for (const text of ['', uuid.toUpperCase(), `${uuid} `, uuid.replaceAll('-', ''), encodeUuid('group', 0)]) {
    expect(decodeUuid('group', text)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.uuid(), (text) => {
      expect(decodeUuid('group', text)).toBeUndefined();
    }),
  );
});
