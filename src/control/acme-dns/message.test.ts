import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { respond } from './message.ts';
import type { Zone } from './zone.ts';

const NAME = '_acme-challenge.web.acme.ts.example.net';
const MAX_DATAGRAM = 1_232;

const zone: Zone = {
  domain: 'ts.example.net',
  nameServers: ['ns.example.com'],
  valuesAt: async (name) => (name === NAME ? ['a'.repeat(43)] : []),
};

/** What every answer must be, whatever was asked. */
async function judge(message: Buffer): Promise<void> {
  const answer = await respond(zone, message, 'udp');
  const isQuestion = message.length >= 12 && ((message[2] ?? 0) & 0x80) === 0;
  expect(answer !== undefined).toBe(isQuestion);
  if (answer === undefined) return;
  expect(answer.length).toBeLessThanOrEqual(MAX_DATAGRAM);
  expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
  expect((answer[2] ?? 0) & 0x80).toBe(0x80);
  // It never says that it asks others.
  expect((answer[3] ?? 0) & 0x80).toBe(0);
  expect(() => decode(answer)).not.toThrow();
}

describe('whatever bytes arrive at the DNS responder', () => {
  it('are answered as a question or not at all: any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), (bytes) => judge(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
  });

  it('are answered as a question or not at all: questions with some bytes changed', async () => {
    const whole = encode({
      type: 'query',
      id: 7,
      questions: [{ name: NAME, type: 'TXT', class: 'IN' }],
      additionals: [
        {
          ...{ type: 'OPT', name: '.', udpPayloadSize: 4_096, extendedRcode: 0, ednsVersion: 0, flags: 0 },
          ...{ flag_do: true, options: [{ code: 12, length: 8 }] },
        },
      ],
    });
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(whole.length), async (places, length) => {
        const message = Buffer.from(whole);
        for (const [at, byte] of places) message[at] = byte;
        await judge(message);
        await judge(message.subarray(0, length));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are not taken for another name, where a label holds a dot', async () => {
    const whole = encode({ type: 'query', id: 7, questions: [{ name: NAME, type: 'TXT', class: 'IN' }] });
    const message = Buffer.from(whole);
    // `web` and the dot after it become a part of one label with `acme`.
    const at = message.indexOf('web');
    message[at - 1] = 'web.acme'.length;
    message[at + 'web'.length] = '.'.charCodeAt(0);
    const answer = await respond(zone, message, 'udp');
    expect(answer?.length).toBe(12);
    expect((answer?.[3] ?? 0) & 0xf).toBe(1);
  });

  it('do not keep it busy: names that point at themselves, and counts that promise what does not come', async () => {
    const head = Buffer.from([0, 7, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    const loop = Buffer.concat([head, Buffer.from([0xc0, 12, 0, 16, 0, 1])]);
    const answer = await respond(zone, loop, 'udp');
    expect(answer?.readUInt16BE(2)).toBe(0x8001);
  });
});
