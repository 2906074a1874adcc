import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stunAnswer } from './stun.ts';

const HEADER = '000100002112a442b7e7a701bc34d686fa87dfae';
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('STUN', () => {
  // The masked addresses are those of the sample responses of RFC 5769 §2.2 and §2.3, whose transaction this is.
  test('tells an IPv4 client where it came from', () => {
    const answer = stunAnswer(bytes(HEADER), { address: '192.0.2.1', port: 32853 });
    expect(answer?.toString('hex')).toBe('0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643');
  });

  test('tells an IPv6 client where it came from', () => {
    const answer = stunAnswer(bytes(HEADER), {
      address: '2001:db8:1234:5678:11:2233:4455:6677',
      port: 32853,
    });
    expect(answer?.toString('hex')).toBe(
      '010100182112a442b7e7a701bc34d686fa87dfae002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9',
    );
  });

  test('tells an IPv4 client of a socket of both families its IPv4 address', () => {
    const mapped = stunAnswer(bytes(HEADER), { address: '::ffff:192.0.2.1', port: 32853 });
    expect(mapped).toEqual(stunAnswer(bytes(HEADER), { address: '192.0.2.1', port: 32853 }));
  });

  test('answers a request with attributes, as clients send it', () => {
    // SOFTWARE "tailnode" and FINGERPRINT.
    const attributes = '80220008 7461696c6e6f6465 80280004 00000000';
    const request = bytes(`00010014${HEADER.slice(8)}${attributes}`);
    expect(stunAnswer(request, { address: '192.0.2.1', port: 1 })).toHaveLength(32);
  });

  test.each([
    ['too short', '0001'],
    ['of another cookie', '000100002112a443b7e7a701bc34d686fa87dfae'],
    ['no request', '010100002112a442b7e7a701bc34d686fa87dfae'],
    ['of a wrong length', '000100082112a442b7e7a701bc34d686fa87dfae'],
    ['not of whole words', `${HEADER}00`],
  ])('says nothing to a datagram that is %s', (_why, hex) => {
    expect(stunAnswer(bytes(hex), { address: '192.0.2.1', port: 1 })).toBeUndefined();
  });

  test('survives anything, and answers with no more than 44 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (random, led) => {
        const datagram = led ? Buffer.concat([bytes(HEADER), random]) : Buffer.from(random);
        const answer = stunAnswer(datagram, { address: 'fe80::1%eth0', port: 9 });
        expect(answer?.length ?? 0).toBeLessThanOrEqual(44);
      }),
    );
  });
});
