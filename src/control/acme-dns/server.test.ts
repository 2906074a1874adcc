import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createConnectionPlaces } from './connection-places.ts';
import { type AcmeDnsServer, startAcmeDns } from './server.ts';

const SOON_MS = 2_000;
const QUESTION_MS = 500;
const DIGEST = 'LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM';
const OTHER = 'gfj9Xq-Rg85nM1AbCdEfGhIjKlMnOpQrStUvWxYz012';
const NAME = '_acme-challenge.web.acme.ts.example.net';
const AUTHORITATIVE = 0x0400;
const RECURSION_AVAILABLE = 0x0080;
const CODE = 0x000f;

describe('the DNS responder', () => {
  const records = new Map<string, readonly string[]>();
  const failures: unknown[] = [];
  let broken = false;
  let server: AcmeDnsServer;
  let resolver: Resolver;

  const start = (clock: { now(): number }): Promise<AcmeDnsServer> =>
    startAcmeDns(
      { host: '127.0.0.1', port: 0 },
      {
        zone: {
          domain: 'ts.example.net',
          nameServers: ['ns1.example.com', 'ns2.example.com'],
          valuesAt: async (name) => {
            if (broken) throw new Error('no database');
            return records.get(name) ?? [];
          },
        },
        clock,
        onError: (error) => void failures.push(error),
        questionMs: QUESTION_MS,
      },
    );

  beforeEach(async () => {
    records.clear();
    broken = false;
    let now = 0;
    // Time passes quickly, so that no test meets the limits but those that are about them.
    server = await start({ now: () => (now += 1_000) });
    resolver = new Resolver({ timeout: SOON_MS, tries: 1 });
    resolver.setServers([`127.0.0.1:${server.port}`]);
  });
  afterEach(async () => {
    await server.close();
    expect(failures).toEqual([]);
  });

  const byUdp = (message: Buffer, waitMs = SOON_MS): Promise<Buffer | undefined> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      const end = (answer?: Buffer): void => {
        clearTimeout(timer);
        socket.close();
        resolve(answer);
      };
      const timer = setTimeout(end, waitMs);
      socket.on('message', (answer) => end(answer));
      socket.send(message, server.port, '127.0.0.1');
    });
  /** All that comes until the other side ends, or so many bytes. */
  const byTcp = (bytes: Buffer, wanted = Number.POSITIVE_INFINITY): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
      const got: Buffer[] = [];
      const whole = (): Buffer => Buffer.concat(got);
      socket.on('data', (chunk) => {
        got.push(chunk);
        if (whole().length >= wanted) socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(whole()));
    });
  const framed = (message: Buffer): Buffer => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  };
  const question = (name: string, type: string, more: Packet = {}): Buffer =>
    encode({ type: 'query', id: 7, questions: [{ name, type: type as 'TXT', class: 'IN' }], ...more });
  const asked = async (message: Buffer) => {
    const answer = await byUdp(message);
    if (answer === undefined) throw new Error('no answer');
    const flags = answer.readUInt16BE(2);
    return { ...decode(answer), size: answer.length, flags, code: flags & CODE };
  };
  const opt = (udpPayloadSize: number, ednsVersion = 0): Packet => ({
    additionals: [
      {
        ...{ type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0 },
        ...{ flag_do: false, options: [] },
      },
    ],
  });

  it('gives every value of a challenge', async () => {
    records.set(NAME, [DIGEST, OTHER]);
    expect((await resolver.resolveTxt(NAME)).flat().sort()).toEqual([DIGEST, OTHER].sort());
  });

  it('knows names in any capitals, and answers with those that it was asked with', async () => {
    records.set(NAME, [DIGEST]);
    const odd = '_aCme-Challenge.WEB.acme.tS.exAmple.net';
    const { answers, questions, flags } = await asked(question(odd, 'TXT'));
    expect(questions?.[0]?.name).toBe(odd);
    expect(answers).toMatchObject([{ type: 'TXT', name: odd, data: [Buffer.from(DIGEST)] }]);
    expect(flags & AUTHORITATIVE).toBe(AUTHORITATIVE);
    expect(flags & RECURSION_AVAILABLE).toBe(0);
  });

  it('says of its domain who serves it', async () => {
    expect(await resolver.resolveNs('ts.example.net')).toEqual(['ns1.example.com', 'ns2.example.com']);
    expect(await resolver.resolveSoa('ts.example.net')).toMatchObject({
      nsname: 'ns1.example.com',
      hostmaster: 'hostmaster.ts.example.net',
    });
  });

  it.each([
    ['a challenge that is not there', NAME, 'TXT', 3],
    ['what is above a challenge', `deep.${NAME}`, 'TXT', 3],
    ['a deep name', 'a.b.web.acme.ts.example.net', 'A', 3],
    ['a challenge of an organization', '_acme-challenge.acme.ts.example.net', 'TXT', 3],
    ['a device, whether or not it is there', 'web.acme.ts.example.net', 'A', 0],
    ['an organization, whether or not it is there', 'nobody.ts.example.net', 'CAA', 0],
    ['another type at the domain itself', 'ts.example.net', 'CAA', 0],
    ['a type that nobody knows here', 'web.acme.ts.example.net', 'UNKNOWN_65', 0],
  ])('says with its authority and for how long that there is nothing: %s', async (_, name, type, code) => {
    const answer = await asked(question(name, type));
    expect(answer.code).toBe(code);
    expect(answer.answers).toEqual([]);
    expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'ts.example.net' }]);
    expect(answer.flags & AUTHORITATIVE).toBe(AUTHORITATIVE);
  });

  it('has nothing but texts at a challenge, and says so without denying the name', async () => {
    records.set(NAME, [DIGEST]);
    expect(await asked(question(NAME, 'AAAA'))).toMatchObject({
      code: 0,
      answers: [],
      authorities: [{ type: 'SOA' }],
    });
    expect((await asked(question(NAME, 'ANY'))).answers).toHaveLength(1);
  });

  it.each([
    ['another domain', question('example.com', 'TXT')],
    ['the root', question('.', 'NS')],
    ['the parent', question('example.net', 'SOA')],
    ['a domain that only ends alike', question('bats.example.net', 'SOA')],
    ['a transfer of the zone', question('ts.example.net', 'AXFR')],
    [
      'another class',
      encode({ type: 'query', id: 7, questions: [{ name: 'version.bind', type: 'TXT', class: 'CH' }] }),
    ],
  ])('refuses %s, in no more words than it was asked with', async (_, message) => {
    const answer = await asked(message);
    expect(answer.code).toBe(5);
    expect(answer.size).toBe(message.length);
    expect(answer.flags & AUTHORITATIVE).toBe(0);
  });

  it('does nothing but answer questions', async () => {
    const UPDATE = 5 << 11;
    expect((await asked(question('ts.example.net', 'SOA', { flags: UPDATE }))).code).toBe(4);
    const answer = question(NAME, 'TXT', { type: 'response' });
    expect(await byUdp(answer, 200)).toBeUndefined();
    expect(await byUdp(Buffer.from('short'), 200)).toBeUndefined();
  });

  it('tells of a message that it cannot read by its header alone', async () => {
    const whole = question(NAME, 'TXT');
    expect(await asked(whole.subarray(0, whole.length - 3))).toMatchObject({ code: 1, size: 12, id: 7 });
    expect((await asked(encode({ type: 'query', id: 7, questions: [] }))).code).toBe(1);
    const two = [
      { name: NAME, type: 'TXT' },
      { name: NAME, type: 'A' },
    ] as const;
    expect((await asked(encode({ type: 'query', id: 7, questions: [...two] }))).code).toBe(1);
  });

  it('speaks version 0 of EDNS, and to those who do not, none', async () => {
    records.set(NAME, [DIGEST]);
    expect((await asked(question(NAME, 'TXT'))).additionals).toEqual([]);
    expect((await asked(question(NAME, 'TXT', opt(4_096)))).additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1_232, ednsVersion: 0, extendedRcode: 0 },
    ]);
    expect(await asked(question(NAME, 'TXT', opt(1_232, 1)))).toMatchObject({
      answers: [],
      additionals: [{ type: 'OPT', ednsVersion: 0, extendedRcode: 1 }],
    });
  });

  it('sends what does not fit a datagram by TCP', async () => {
    const long = `_acme-challenge.${'d'.repeat(60)}.${'o'.repeat(60)}.ts.example.net`;
    records.set(long, [DIGEST, OTHER, `${DIGEST}3`, `${DIGEST}4`]);
    const cut = await asked(question(long, 'TXT'));
    expect(cut.flags & TRUNCATED_RESPONSE).toBe(TRUNCATED_RESPONSE);
    expect(cut.answers).toEqual([]);
    expect(cut.size).toBeLessThan(512);
    expect((await asked(question(long, 'TXT', opt(1_232)))).answers).toHaveLength(4);
    expect(await resolver.resolveTxt(long)).toHaveLength(4);
  });

  it('answers several questions of a connection in their order, however they arrive', async () => {
    records.set(NAME, [DIGEST]);
    const first = framed(question(NAME, 'TXT'));
    const second = framed(question('ts.example.net', 'SOA', { id: 8 }));
    const one = await byTcp(first, 1);
    const both = await byTcp(Buffer.concat([first, second]), one.length + 1);
    expect(both.subarray(0, one.length)).toEqual(one);
    expect(both.readUInt16BE(one.length + 2)).toBe(8);
    const [a, b] = [first.subarray(0, 5), first.subarray(5)];
    const slow = await new Promise<Buffer>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => {
        socket.write(a);
        setTimeout(() => socket.write(b), 30);
      });
      socket.once('data', (chunk) => {
        socket.destroy();
        resolve(chunk);
      });
    });
    expect(slow).toEqual(one);
  });

  it('ends a connection that sends what is no question', async () => {
    expect(await byTcp(Buffer.from([0xff, 0xff, 1, 2, 3]))).toHaveLength(0);
    expect(await byTcp(Buffer.from([0, 3, 1, 2, 3]))).toHaveLength(0);
  });

  it('ends a connection whose question does not come, however many bytes of it do', async () => {
    const message = framed(question(NAME, 'TXT'));
    const sent = await new Promise<number>((resolve) => {
      const socket = connect(server.port, '127.0.0.1');
      let count = 0;
      const drip = setInterval(() => socket.write(message.subarray(count, ++count)), QUESTION_MS / 10);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearInterval(drip);
        resolve(count);
      });
    });
    expect(sent).toBeGreaterThan(1);
    expect(sent).toBeLessThan(message.length);
  });

  it('answers by TCP while others hold as many connections as they can', async () => {
    records.set(NAME, [DIGEST]);
    const held = Array.from({ length: 100 }, (_, n) =>
      connect({ port: server.port, host: '127.0.0.1', localAddress: `127.0.${n % 20}.1` }),
    );
    for (const socket of held) socket.on('error', () => undefined);
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    const answer = await byTcp(framed(question(NAME, 'TXT')), 1);
    for (const socket of held) socket.destroy();
    expect(decode(answer.subarray(2)).answers).toHaveLength(1);
  });

  it('tells a place that asked too often by datagrams to ask by TCP, and answers it there', async () => {
    records.set(NAME, [DIGEST]);
    await server.close();
    server = await start({ now: () => 0 });
    const message = question(NAME, 'TXT');
    for (let n = 0; n < 200; n += 1) expect((await asked(message)).answers).toHaveLength(1);
    const { answers, flags, size } = await asked(message);
    expect(answers).toEqual([]);
    expect(flags & TRUNCATED_RESPONSE).toBe(TRUNCATED_RESPONSE);
    expect(size).toBe(message.length);
    expect(await byUdp(Buffer.from('0007800000010000', 'hex'), 100)).toBeUndefined();
    const whole = await byTcp(framed(message), 1);
    expect(decode(whole.subarray(2)).answers).toHaveLength(1);
  });

  it('says that it failed when it cannot look', async () => {
    broken = true;
    expect((await asked(question(NAME, 'TXT'))).code).toBe(2);
  });
});

describe('the limits of the DNS responder', () => {
  it('hold back whoever asks without end, and let others through', async () => {
    const { createSourceLimits } = await import('./limits.ts');
    const limits = createSourceLimits();
    const taken = (address: string, times: number): number =>
      Array.from({ length: times }, () => limits.take(address, 1_000)).filter(Boolean).length;
    expect(taken('192.0.2.1', 1_000)).toBe(200);
    expect(taken('192.0.2.77', 10)).toBe(0);
    expect(taken('::ffff:192.0.2.9', 10)).toBe(0);
    expect(taken('198.51.100.1', 10)).toBe(10);
    expect(taken('2001:db8::1', 10)).toBe(10);
    expect(limits.take('192.0.2.1', 2_000)).toBe(true);
  });
});

describe('the connections to the DNS responder', () => {
  const opened = () => {
    const places = createConnectionPlaces();
    const ended: string[] = [];
    return {
      ended,
      take: (name: string, address: string) =>
        places.take({ destroy: () => ended.push(name), once: () => undefined }, address),
    };
  };

  it('are eight from one part of the internet, and the oldest of them gives way to a ninth', () => {
    const { ended, take } = opened();
    take('other', '198.51.100.1');
    for (let n = 1; n <= 10; n += 1) take(`same ${n}`, `192.0.2.${n}`);
    expect(ended).toEqual(['same 1', 'same 2']);
  });

  it('are 64 in all, and the oldest gives way to one more', () => {
    const { ended, take } = opened();
    for (let n = 1; n <= 65; n += 1) take(`one ${n}`, `10.0.${n}.1`);
    expect(ended).toEqual(['one 1']);
  });
});
