import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeErrorFrame, INITIATION_BYTES, RESPONSE_BYTES } from './frames.ts';
import { initiate, respond } from './handshake.ts';
import { createDirection, openRecord, piecesOf, sealRecords } from './records.ts';
import { exportPrivateKey, generatePrivateKey, importPrivateKey } from './x25519.ts';

// A conversation with the protocol's reference implementation in Go (tailscale.com/control/controlbase v1.102.5): it made the
// initiation and the client's records, and accepted the response and the server's records.
const TRANSCRIPT = {
  serverPrivate: '11'.repeat(32),
  machinePrivate: '22'.repeat(32),
  serverEphemeralPrivate: '33'.repeat(32),
  serverPublic: 'mkey:7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13',
  machinePublic: 'mkey:0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20',
  version: 142,
  initiation:
    '008e010060e4bde81445435dcc4d7dba6d50297580d8cd62d5bd53f5505c3d8a00f3242342660fb952bde10b46db17fff1a1ac96d5489ccd' +
    '1f7e5369af24e6b0c3248da743dfd608b5c1cfaa96ec90a7f1cbcd4ff04ac43e83297e4c1691b798a543919efd',
  response:
    '0200307b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14fbb6d80df0c899046e4e89a0687f20df',
  serverRecords: [
    ['first from server', '040021d9a61e28cc82e685869dfdc464651427d8ef3c4b21afef6a2b9d9a6b9a643916c1'],
    ['second from server', '0400224de946c5b9f01ba45a181973c3d2c591f811bac28b7c2cc36cd70b5cfb157efacdb0'],
  ],
  clientRecords: [
    ['first from client', '0400212e5aae5fb5dd67d2b8cbea09cde90bf832b3ca2b6fbfa908212161ba2727394740'],
    ['second from client', '0400226571af188a6ac162c4709d48a524d4c31f9f25e4f59bf68f198aa348c71050e26bda'],
  ],
} as const;

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const RECORD_HEADER = 3;

describe('the handshake against the reference implementation', () => {
  const server = importPrivateKey(bytes(TRANSCRIPT.serverPrivate));
  const machine = importPrivateKey(bytes(TRANSCRIPT.machinePrivate));
  const ephemeral = importPrivateKey(bytes(TRANSCRIPT.serverEphemeralPrivate));

  test('private keys give the public keys', () => {
    expect(server.publicText).toBe(TRANSCRIPT.serverPublic);
    expect(machine.publicText).toBe(TRANSCRIPT.machinePublic);
    expect(Buffer.from(exportPrivateKey(machine)).toString('hex')).toBe(TRANSCRIPT.machinePrivate);
  });

  test('the response is the one it accepted, and tells who called with which version', () => {
    const accepted = respond(server, bytes(TRANSCRIPT.initiation), ephemeral);
    expect(accepted.response.toString('hex')).toBe(TRANSCRIPT.response);
    expect(Buffer.from(accepted.peerRaw)).toEqual(Buffer.from(machine.publicRaw));
    expect(accepted.version).toBe(TRANSCRIPT.version);
  });

  test('records in both directions are its own, with the counter of each', () => {
    const { session } = respond(server, bytes(TRANSCRIPT.initiation), ephemeral);
    const sending = createDirection(session.sendKey);
    for (const [text, wire] of TRANSCRIPT.serverRecords) {
      const pieces = piecesOf([Buffer.from(text)]);
      expect(sealRecords(sending, pieces, pieces.left).toString('hex')).toBe(wire);
    }
    const receiving = createDirection(session.receiveKey);
    for (const [text, wire] of TRANSCRIPT.clientRecords) {
      expect(openRecord(receiving, bytes(wire).subarray(RECORD_HEADER)).toString()).toBe(text);
    }
  });
});

describe('initiator and responder', () => {
  const server = generatePrivateKey();
  const machine = generatePrivateKey();

  test('end with each other’s keys', () => {
    const { initiation, finish } = initiate(machine, server.publicRaw, 65_535);
    expect(initiation).toHaveLength(INITIATION_BYTES);
    const accepted = respond(server, initiation);
    expect(accepted.response).toHaveLength(RESPONSE_BYTES);
    expect(accepted.version).toBe(65_535);
    const session = finish(accepted.response);
    expect(session.sendKey.equals(accepted.session.receiveKey)).toBe(true);
    expect(session.receiveKey.equals(accepted.session.sendKey)).toBe(true);
    expect(session.sendKey.equals(session.receiveKey)).toBe(false);
  });

  test('any changed bit of an initiation makes it fail', () => {
    const { initiation } = initiate(machine, server.publicRaw, 142);
    // The top bit of an X25519 key carries nothing in the exchange, but is hashed, so it fails like the rest.
    fc.assert(
      fc.property(fc.nat({ max: INITIATION_BYTES * 8 - 1 }), (bit) => {
        const changed = Buffer.from(initiation);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => respond(server, changed)).toThrow(expect.objectContaining({ name: 'NoiseError' }));
      }),
      { numRuns: 60 },
    );
  });

  test('any changed bit of a response makes it fail', () => {
    fc.assert(
      fc.property(fc.nat({ max: RESPONSE_BYTES * 8 - 1 }), (bit) => {
        const { initiation, finish } = initiate(machine, server.publicRaw, 142);
        const changed = Buffer.from(respond(server, initiation).response);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => finish(changed)).toThrow(expect.objectContaining({ name: 'NoiseError' }));
      }),
      { numRuns: 40 },
    );
  });

  test.each([0, 1, 5, 100, 102, 4096])('%i bytes are not an initiation', (size) => {
    expect(() => respond(server, new Uint8Array(size))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  test('an initiation meant for another server fails', () => {
    const { initiation } = initiate(machine, generatePrivateKey().publicRaw, 142);
    expect(() => respond(server, initiation)).toThrow(expect.objectContaining({ code: 'authentication' }));
  });

  test('a machine key of small order fails rather than agree on zero', () => {
    const zero = { ...machine, publicRaw: new Uint8Array(32) };
    const { initiation } = initiate(zero, server.publicRaw, 142);
    expect(() => respond(server, initiation)).toThrow(expect.objectContaining({ code: 'authentication' }));
  });

  test('a response made for another machine fails', () => {
    const mine = initiate(machine, server.publicRaw, 142);
    const other = initiate(generatePrivateKey(), server.publicRaw, 142);
    expect(() => mine.finish(respond(server, other.initiation).response)).toThrow(
      expect.objectContaining({ code: 'authentication' }),
    );
  });

  test('an error frame in place of the response is told in the server’s words', () => {
    const { finish } = initiate(machine, server.publicRaw, 142);
    expect(() => finish(encodeErrorFrame('no such protocol'))).toThrow(
      expect.objectContaining({ code: 'refused', message: 'server error: no such protocol' }),
    );
  });
});
