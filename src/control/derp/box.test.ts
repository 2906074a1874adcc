import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../kernel/random.ts';
import { generatePrivateKey, importPrivateKey } from '../noise/index.ts';
import { createBox } from './box.ts';

/** 32 bytes that count up. */
const keyFrom = (first: number) =>
  importPrivateKey(Uint8Array.from({ length: 32 }, (_, index) => first + index));
const a = keyFrom(1);
const b = keyFrom(101);

// Sealed from a to b by SealTo of the reference implementation's node keys (tailscale.com/types/key, v1.102.5).
const SEALED: readonly (readonly [plain: string, sealed: string])[] = [
  ['', '5802840a09d4cf0abbfc75b1835cac297f9952cf35b41cf31cb3fd121d7245aeb3c6982762509440'],
  [
    '{"version":2,"CanAckPings":true}',
    '79af914566bba291c94bdf7b4d4073ead971f54150c58d5dfea100ace7feae6492676acd97b61745b625b23c0b63fcbaf660f75a7069e44355e4f84a093838c7a231dc893b2796fc',
  ],
  [
    '\0'.repeat(100),
    '7362b59f1a33e104d8ebff3045ca0d7cb0f83372bd423c8880ba0002c30c7648285f4d8e75139447469575bcd849cdb90299d7fa102fe1a409b6c99492dd9a33fc8b7ef185c961fef8dd5ddbb42390fbe1f854efbaa8a8c3ff364b4bc2644147259165ef4ce1ed8af3a2e89ba9f63bd68ba66772bc3c144029e4e775253d1b7261988e8d9ecdf29b00f86493',
  ],
];

describe('the box', () => {
  test('has the keys of the recorded boxes', () => {
    expect(Buffer.from(a.publicRaw).toString('hex')).toBe(
      '07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c',
    );
    expect(Buffer.from(b.publicRaw).toString('hex')).toBe(
      '5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36',
    );
  });

  test.each(SEALED)('opens what the reference implementation sealed: %j', (plain, sealed) => {
    const opened = createBox(b, a.publicRaw, systemRandom)!.open(Buffer.from(sealed, 'hex'));
    expect(Buffer.from(opened!).toString('utf8')).toBe(plain);
  });

  test('seals as the reference implementation does with the same nonce', () => {
    for (const [plain, sealed] of SEALED) {
      const bytes = Buffer.from(sealed, 'hex');
      const box = createBox(a, b.publicRaw, { bytes: (length) => bytes.subarray(0, length) })!;
      expect(box.seal(Buffer.from(plain)).toString('hex')).toBe(sealed);
    }
  });

  test('opens nothing that was altered, cut or meant for another key', () => {
    const box = createBox(b, a.publicRaw, systemRandom)!;
    const sealed = createBox(a, b.publicRaw, systemRandom)!.seal(Buffer.from('hello'));
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const altered = Buffer.from(sealed);
        altered[at]! ^= flip;
        expect(box.open(altered)).toBeUndefined();
        expect(box.open(sealed.subarray(0, at))).toBeUndefined();
      }),
    );
    expect(createBox(generatePrivateKey(), a.publicRaw, systemRandom)!.open(sealed)).toBeUndefined();
  });

  test('is not made with a public key of small order', () => {
    expect(createBox(a, new Uint8Array(32), systemRandom)).toBeUndefined();
    expect(createBox(a, Uint8Array.of(1, ...new Uint8Array(31)), systemRandom)).toBeUndefined();
  });
});
