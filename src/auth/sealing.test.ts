import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemRandom } from '../kernel/random.ts';
import { createSealer, SealError, type SealedPlace, sealingKeyId } from './sealing.ts';

const key = randomBytes(32);
const sealer = createSealer({ key, random: systemRandom });
const place: SealedPlace = { kind: 'webhook', org: 7, key: 42, column: 'secretSealed' };

test('what was sealed opens again, whatever it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (plain) => {
      expect(sealer.open(sealer.seal(plain, place), place)).toBe(plain);
    }),
  );
});

test('the same secret sealed twice gives two texts, and neither shows it', () => {
  const [first, second] = [sealer.seal('hunter2hunter2', place), sealer.seal('hunter2hunter2', place)];
  expect(first).not.toBe(second);
  expect(first).not.toContain('hunter2');
  expect(Buffer.from(first.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('hunter2');
});

test.each([
  ['another organization', { ...place, org: 8 }],
  ['another row', { ...place, key: 43 }],
  ['another column', { ...place, column: 'url' }],
  ['another kind', { ...place, kind: 'logStream' }],
])('a sealed text copied to %s does not open', (_, elsewhere) => {
  const sealed = sealer.seal('secret', place);
  expect(() => sealer.open(sealed, elsewhere)).toThrow(SealError);
});

test('places that read alike when joined are still apart', () => {
  const sealed = sealer.seal('secret', { kind: 'a', org: 1, key: '2/3', column: 'b' });
  expect(() => sealer.open(sealed, { kind: 'a', org: 1, key: '2', column: '3/b' })).toThrow(SealError);
});

test('no byte of a sealed text can be changed', () => {
  const sealed = sealer.seal('secret', place);
  const [head, id, body = ''] = sealed.split('.');
  const bytes = Buffer.from(body, 'base64url');
  for (let at = 0; at < bytes.length; at += 1) {
    const altered = Buffer.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => sealer.open(`${head}.${id}.${altered.toString('base64url')}`, place)).toThrow(SealError);
  }
});

test.each(['', 's1', 's1.', 'secret', 's1.000000000000.', 's2.000000000000.AAAA'])(
  '"%s" is no sealed text',
  (text) => {
    expect(() => sealer.open(text, place)).toThrow(SealError);
  },
);

test('nothing can be put behind a sealed text', () => {
  for (const secret of ['', 'x', 'xy', 'xyz']) {
    const sealed = sealer.seal(secret, place);
    for (const more of ['A', '_', '='])
      expect(() => sealer.open(`${sealed}${more}`, place)).toThrow(SealError);
  }
});

test('after a change of keys the old texts open and new ones are sealed with the new key', () => {
  const before = sealer.seal('secret', place);
  const rotated = createSealer({ key: randomBytes(32), older: [key], random: systemRandom });
  expect(rotated.open(before, place)).toBe('secret');
  expect(rotated.seal('secret', place)).toContain(rotated.keyId);
  expect(() => sealer.open(rotated.seal('secret', place), place)).toThrow('another key');
});

test('the id of a key tells keys apart', () => {
  expect(sealingKeyId(key)).toBe(sealer.keyId);
  expect(sealingKeyId(randomBytes(32))).not.toBe(sealer.keyId);
});
