import { createHmac } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Answer, decode, encode } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChallengeDns } from '../../domain/ports/challenge-dns.ts';
import { systemRandom } from '../../kernel/random.ts';
import { createDnsUpdates } from './dns-update.ts';

const SECRET = Buffer.alloc(32, 9);
const KEY = { name: 'holdfast', secret: SECRET };
const NAME = '_acme-challenge.web.acme.ts.example.net';
const FIRST = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';
const SECOND = 'gfj9Xq-Rg85nM1AbCdEfGhIjKlMnOpQrStUvWxYz012';
const NOW_MS = 1_700_000_000_000;
const NOW_SECONDS = '00006553f100';
const SIGNED_CODE = 0;

describe('updates of another DNS server', () => {
  const records = new Map<string, Set<string>>();
  const zones: string[] = [];
  let server: Server;
  let updates: ChallengeDns;
  /** What the server does to an update, and with what it signs. */
  let code = SIGNED_CODE;
  let secret: Buffer = SECRET;
  let forgets = false;
  let mumbles = false;

  const apply = (name: string, record: Answer): void => {
    const { type, data } = record as { type: string; data?: readonly Buffer[] };
    expect(type).toBe('TXT');
    const values = records.get(name) ?? new Set();
    if (record.type === 'TXT' && record.class === 'ANY') values.clear();
    else for (const value of data ?? []) values.add(value.toString());
    records.set(name, values);
  };
  /** As RFC 8945 §5.3 has it: over the request's own code, the answer and the variables. */
  const signAnswer = (answer: Buffer, requestMac: Buffer): Buffer => {
    const name = Buffer.from('08686f6c646661737400', 'hex');
    const algorithm = Buffer.from('0b686d61632d73686132353600', 'hex');
    const time = Buffer.from(`${NOW_SECONDS}012c`, 'hex');
    const mac = createHmac('sha256', secret)
      .update(Buffer.from([0, 32]))
      .update(requestMac)
      .update(answer)
      .update(Buffer.concat([name, Buffer.from('00ff00000000', 'hex'), algorithm, time, Buffer.alloc(4)]))
      .digest();
    const data = Buffer.concat([
      algorithm,
      time,
      Buffer.from([0, 32]),
      mac,
      answer.subarray(0, 2),
      Buffer.alloc(4),
    ]);
    const head = Buffer.from(`00fa00ff0000000000${data.length.toString(16)}`, 'hex');
    const whole = Buffer.concat([answer, name, head, data]);
    whole.writeUInt16BE(1, 10);
    return whole;
  };
  const answerTo = (message: Buffer): Buffer => {
    const asked = decode(message);
    const id = asked.id ?? 0;
    const [question] = asked.questions ?? [];
    if (((message.readUInt16BE(2) >> 11) & 0xf) === 0) {
      const values = [...(records.get(question?.name ?? '') ?? [])];
      const answers = values.map((data): Answer => ({ type: 'TXT', name: question?.name ?? '', data }));
      const whole = encode({ type: 'response', id, questions: asked.questions, answers });
      // A label of no known kind.
      if (mumbles) whole[12] = 0x80;
      return whole;
    }
    zones.push(`${question?.name} ${question?.type}`);
    if (code === 0 && !forgets) for (const record of asked.authorities ?? []) apply(record.name, record);
    const answer = encode({ type: 'response', id, flags: (5 << 11) | code });
    return signAnswer(answer, message.subarray(-38, -6));
  };

  beforeEach(async () => {
    records.clear();
    zones.length = 0;
    code = SIGNED_CODE;
    secret = SECRET;
    forgets = false;
    mumbles = false;
    server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        const answer = answerTo(chunk.subarray(2));
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // In two parts, as a network may have it.
        socket.write(Buffer.concat([length, answer.subarray(0, 7)]));
        setTimeout(() => socket.end(answer.subarray(7)), 10);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    updates = createDnsUpdates({
      server: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      domain: () => 'ts.example.net',
      zoneOf: () => 'example.net',
      key: KEY,
      clock: { now: () => NOW_MS },
      random: systemRandom,
    });
  });
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

  it('put values in the place of those before, and take them back', async () => {
    await updates.publish(NAME, [FIRST, SECOND]);
    expect([...(records.get(NAME) ?? [])]).toEqual([FIRST, SECOND]);
    await updates.publish(NAME, [SECOND]);
    expect([...(records.get(NAME) ?? [])]).toEqual([SECOND]);
    await updates.publish(NAME, []);
    expect([...(records.get(NAME) ?? [])]).toEqual([]);
    expect(zones).toEqual(['example.net SOA', 'example.net SOA', 'example.net SOA']);
  });

  it.each([
    [5, /refuses the update/u],
    [9, /does not know the key or the zone/u],
    [2, /code 2/u],
  ])('say why the server would not: code %i', async (refusal, text) => {
    code = refusal;
    await expect(updates.publish(NAME, [FIRST])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(text),
    });
  });

  it('do not believe a server that has not the key', async () => {
    secret = Buffer.alloc(32, 8);
    await expect(updates.publish(NAME, [FIRST])).rejects.toThrow(/not signed/u);
  });

  it('say so when nobody answers', async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await expect(updates.publish(NAME, [FIRST])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('does not answer'),
    });
    server.listen(0);
  });

  it('say so when what the server answers cannot be read', async () => {
    mumbles = true;
    await expect(updates.publish(NAME, [FIRST])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('answers something else'),
    });
  });

  it('are not done before the server answers with them', async () => {
    forgets = true;
    const done = updates.publish(NAME, [FIRST]);
    setTimeout(() => records.set(NAME, new Set([FIRST])), 700);
    const begun = performance.now();
    await done;
    expect(performance.now() - begun).toBeGreaterThan(600);
  });
});
