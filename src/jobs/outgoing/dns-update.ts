/**
 * Challenges of certificate authorities in a DNS server of the operator's own, by dynamic updates (RFC 2136) that are signed.
 * All goes by TCP, and each exchange has a connection of its own: there are a few in an hour.
 */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { decode, encode } from 'dns-packet';
import type { ChallengeDns } from '../../domain/ports/challenge-dns.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { isAuthentic, nameBytes, signed, type TsigKey, uint16 } from './tsig.ts';

const UPDATE_FLAGS = 5 << 11;
const TYPE_SOA = 6;
const TYPE_TXT = 16;
const CLASS_IN = 1;
const CLASS_ANY = 255;
const CODE_MASK = 0xf;
const TTL_SECONDS = 30;
const EXCHANGE_MS = 5 * SECOND;
/** How long a server may take from its yes to an update until it answers with it. */
const VISIBLE_MS = 20 * SECOND;
const ASK_AGAIN_MS = SECOND / 2;

/** The codes that say what the operator should look at. */
const CODES: ReadonlyMap<number, string> = new Map([
  [1, 'it does not understand the update'],
  [4, 'it takes no updates'],
  [5, 'it refuses the update: look at what the key may change'],
  [9, 'it does not know the key or the zone, or the clocks differ'],
  [10, 'the name is not in its zone'],
]);

export interface DnsUpdatesParts {
  readonly server: { readonly host: string; readonly port: number };
  /** Of the device names, now; undefined: that server has it in no zone. */
  readonly domain: () => string | undefined;
  /** The zone of that server in which a name is: the domain that it is of, or one above it. */
  readonly zoneOf: (name: string) => string;
  readonly key: TsigKey;
  readonly clock: Clock;
  readonly random: Random;
}

/** All texts at the name go, and these come: one message, so that nobody sees the middle. */
function updateMessage(id: number, zone: string, name: string, values: readonly string[]): Buffer {
  const owner = nameBytes(name);
  const texts = values.map((value) => {
    const text = Buffer.from(value, 'latin1');
    const data = Buffer.concat([Buffer.from([text.length]), text]);
    return Buffer.concat([owner, uint16(TYPE_TXT, CLASS_IN, 0, TTL_SECONDS, data.length), data]);
  });
  return Buffer.concat([
    uint16(id, UPDATE_FLAGS, 1, 0, 1 + texts.length, 0),
    nameBytes(zone),
    uint16(TYPE_SOA, CLASS_IN),
    owner,
    uint16(TYPE_TXT, CLASS_ANY, 0, 0, 0),
    ...texts,
  ]);
}

function textsIn(answer: Buffer): ReadonlySet<string> {
  try {
    const records = decode(answer).answers ?? [];
    return new Set(
      records.flatMap((record) => (record.type === 'TXT' ? [record.data].flat().map(String) : [])),
    );
  } catch (error) {
    throw unavailable(OTHER_ANSWER, error);
  }
}

const OTHER_ANSWER = 'it answers something else';

const unavailable = (what: string, cause?: unknown): AppError =>
  new AppError('unavailable', `the DNS server does not have the record: ${what}`, { cause });

export function createDnsUpdates(parts: DnsUpdatesParts): ChallengeDns {
  const { server, domain, zoneOf, key, clock, random } = parts;
  const newId = (): number => Buffer.from(random.bytes(2)).readUInt16BE(0);
  const ask = async (message: Buffer): Promise<Buffer> => {
    try {
      const answer = await exchange(server, message);
      if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) return answer;
    } catch (error) {
      throw unavailable('it does not answer', error);
    }
    throw unavailable(OTHER_ANSWER);
  };

  const update = async (name: string, values: readonly string[]): Promise<void> => {
    const { message, mac } = signed(updateMessage(newId(), zoneOf(name), name, values), key, clock.now());
    const answer = await ask(message);
    const code = answer.readUInt16BE(2) & CODE_MASK;
    if (code !== 0) throw unavailable(CODES.get(code) ?? `its answer has code ${code}`);
    if (!isAuthentic(answer, key, mac, clock.now()))
      throw unavailable('its answer is not signed with the key');
  };

  const isVisible = async (name: string, values: readonly string[]): Promise<boolean> => {
    const answer = await ask(encode({ type: 'query', id: newId(), questions: [{ name, type: 'TXT' }] }));
    const found = textsIn(answer);
    return values.every((value) => found.has(value));
  };

  return {
    domain,
    publish: async (name, values) => {
      await update(name, values);
      for (let waited = 0; !(await isVisible(name, values)); waited += ASK_AGAIN_MS) {
        if (waited >= VISIBLE_MS) throw unavailable('it took the update, and does not answer with it');
        await delay(ASK_AGAIN_MS);
      }
    },
  };
}

/** One message there and one back, each after its length. */
function exchange(server: DnsUpdatesParts['server'], message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(server);
    let got: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), EXCHANGE_MS);
    socket.on('connect', () => socket.write(Buffer.concat([uint16(message.length), message])));
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      resolve(got.subarray(2, 2 + got.readUInt16BE(0)));
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error('the connection ended'));
    });
  });
}
