import { describe, expect, it } from 'vitest';
import { isAuthentic, signed } from './tsig.ts';

// Both messages were made by dnspython 2.9, with the key of bytes 0 to 31 and the time below.
const KEY = { name: 'Holdfast', secret: Uint8Array.from({ length: 32 }, (_, index) => index) };
const NOW_MS = 1_700_000_000_000;
const UNSIGNED =
  '1234280000010000000200' +
  '00027473076578616d706c65036e657400000600010f5f61636d652d6368616c6c656e6765037765620461636d65c00c001000ff' +
  '000000000000c020001000010000001e002c2b4c4844684b336f4752766b696566516e78374f4f637a5459355469635f785a3648' +
  '634d4f635f676d746f4d';
const SIGNATURE =
  '08686f6c64666173740000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c0020' +
  'af0723d0af7d9bcf50005dc85f353988d81dff4dc8238cf271fd910f1209e938123400000000';
const ANSWER =
  '1234a8000001000000000001027473076578616d706c65036e6574000006000108686f6c64666173740000fa00ff00000000003d' +
  '0b686d61632d7368613235360000006553f100012c00203c40a74f06f2e59da5e0de39db92ffb9f8673b5fa5b5fb3e5c92733bd7' +
  'f71b9c123400000000';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe('signed messages of the DNS', () => {
  const { message, mac } = signed(hex(UNSIGNED), KEY, NOW_MS);

  it('are what another program makes of the same message, key and time', () => {
    const counted = hex(UNSIGNED);
    counted[11] = 1;
    expect(message.toString('hex')).toBe(counted.toString('hex') + SIGNATURE);
  });

  it('are answered by somebody who has the key', () => {
    expect(isAuthentic(hex(ANSWER), KEY, mac, NOW_MS)).toBe(true);
    expect(isAuthentic(hex(ANSWER), KEY, mac, NOW_MS + 299_000)).toBe(true);
    // A server between may give the message another identifier; the signature keeps the first.
    const passedOn = hex(ANSWER);
    passedOn[0] = 0x55;
    expect(isAuthentic(passedOn, KEY, mac, NOW_MS)).toBe(true);
  });

  it('are not believed with another key, for another question, at another time, or with any byte changed', () => {
    const other = { ...KEY, secret: Buffer.alloc(32) };
    expect(isAuthentic(hex(ANSWER), other, mac, NOW_MS)).toBe(false);
    expect(isAuthentic(hex(ANSWER), { ...KEY, name: 'other' }, mac, NOW_MS)).toBe(false);
    expect(isAuthentic(hex(ANSWER), KEY, Buffer.alloc(32), NOW_MS)).toBe(false);
    expect(isAuthentic(hex(ANSWER), KEY, mac, NOW_MS + 301_000)).toBe(false);
    for (let at = 2; at < hex(ANSWER).length; at += 1) {
      const changed = hex(ANSWER);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect([at, isAuthentic(changed, KEY, mac, NOW_MS)]).toEqual([at, false]);
    }
    for (let length = 0; length < hex(ANSWER).length; length += 1) {
      expect(isAuthentic(hex(ANSWER).subarray(0, length), KEY, mac, NOW_MS)).toBe(false);
    }
  });
});
