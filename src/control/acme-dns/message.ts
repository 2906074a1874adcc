/** From the bytes of a DNS question to those of its answer (RFC 1035, EDNS by RFC 6891). */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { answerOf, type Question, type Zone, type ZoneRecord } from './zone.ts';

export const HEADER_BYTES = 12;
/** What a datagram holds without EDNS, and the most that we send in one: it is never fragmented on its way. */
const PLAIN_BYTES = 512;
const MAX_DATAGRAM = 1_232;
const MAX_MESSAGE = 65_535;

const CODES = {
  ok: 0,
  malformed: 1,
  failed: 2,
  'no-such-name': 3,
  'not-implemented': 4,
  refused: 5,
} as const;
type ResponseCode = keyof typeof CODES;
/** The upper bits of BADVERS (16): a version of EDNS that is not known here. */
const BAD_VERSION = 1;

const OPCODE_SHIFT = 11;
const OPCODE_MASK = 0xf;
const RESPONSE_BIT = 0x80;
/** Of the flags: an answer, or an operation that is no question. */
const NOT_PLAIN_QUERY = (RESPONSE_BIT << 8) | (OPCODE_MASK << OPCODE_SHIFT);
/** Where the header counts its records. */
const QUESTIONS_AT = 4;
const ANSWERS_AT = 6;
const AUTHORITIES_AT = 8;
const ADDITIONALS_AT = 10;
/** Options, a signature, and room for what may come. */
const MAX_ADDITIONALS = 4;

export type Transport = 'udp' | 'tcp';

interface Reply {
  readonly code: ResponseCode;
  readonly questions?: Packet['questions'];
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly authoritative?: boolean;
}

/** Only the header of a message that cannot be read. */
function headerAnswer(message: Buffer, code: ResponseCode): Buffer {
  const flags = message.readUInt16BE(2);
  const kept = (flags & (OPCODE_MASK << OPCODE_SHIFT)) | (flags & RECURSION_DESIRED);
  return encode({ type: 'response', id: message.readUInt16BE(0), flags: kept | CODES[code] });
}

const isOpt = (record: Answer): record is OptAnswer => record.type === 'OPT';

/** The types of the library know no record types without a name, which it reads and writes all the same. */
const recordOf = (record: ZoneRecord): Answer => ({ ...record, class: 'IN' });

function write(query: DecodedPacket, limit: number, { code, ...reply }: Reply, extended?: number): Buffer {
  const asked = query.additionals?.find(isOpt);
  const opt: OptAnswer | undefined = asked && {
    type: 'OPT',
    name: '.',
    udpPayloadSize: MAX_DATAGRAM,
    extendedRcode: extended ?? 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  const flags =
    CODES[code] |
    ((query.flags ?? 0) & (OPCODE_MASK << OPCODE_SHIFT)) |
    ((query.flags ?? 0) & RECURSION_DESIRED) |
    (reply.authoritative ? AUTHORITATIVE_ANSWER : 0);
  const head: Packet = {
    type: 'response',
    id: query.id ?? 0,
    questions: reply.questions ?? [],
    additionals: opt === undefined ? [] : [opt],
  };
  const whole = encode({
    ...head,
    flags,
    answers: [...(reply.answers ?? [])],
    authorities: [...(reply.authorities ?? [])],
  });
  // The asker comes again by TCP.
  return whole.length <= limit ? whole : encode({ ...head, flags: flags | TRUNCATED_RESPONSE });
}

/** The library makes room for as many records as the header says, before it reads any. */
const isQuestion = (message: Buffer): boolean =>
  message.readUInt16BE(QUESTIONS_AT) === 1 &&
  message.readUInt16BE(ANSWERS_AT) === 0 &&
  message.readUInt16BE(AUTHORITIES_AT) === 0 &&
  message.readUInt16BE(ADDITIONALS_AT) <= MAX_ADDITIONALS;

/**
 * Undefined for what cannot be read, or not be given back as it came: a label may hold any byte, a dot as well, and the
 * library reads and writes names as text, where such a name is another one.
 */
function read(message: Buffer): DecodedPacket | undefined {
  try {
    const query = decode(message);
    const again = encode({ questions: query.questions ?? [] }).subarray(HEADER_BYTES);
    return again.equals(message.subarray(HEADER_BYTES, HEADER_BYTES + again.length)) ? query : undefined;
  } catch {
    return undefined;
  }
}

/** The answer; undefined for what deserves none: another's answer, or no DNS message at all. */
export async function respond(
  zone: Zone,
  message: Buffer,
  transport: Transport,
): Promise<Buffer | undefined> {
  if (message.length < HEADER_BYTES || ((message[2] ?? 0) & RESPONSE_BIT) !== 0) return undefined;
  const opcode = (message.readUInt16BE(2) >> OPCODE_SHIFT) & OPCODE_MASK;
  if (opcode !== 0) return headerAnswer(message, 'not-implemented');
  const query = isQuestion(message) ? read(message) : undefined;
  if (query === undefined) return headerAnswer(message, 'malformed');
  const [question] = query.questions ?? [];
  const opts = query.additionals?.filter(isOpt) ?? [];
  const [opt] = opts;
  if (question === undefined || opts.length > 1) {
    return headerAnswer(message, 'malformed');
  }
  const limit =
    transport === 'tcp'
      ? MAX_MESSAGE
      : Math.min(Math.max(opt?.udpPayloadSize ?? PLAIN_BYTES, PLAIN_BYTES), MAX_DATAGRAM);
  const questions = [question];
  if (opt !== undefined && opt.ednsVersion !== 0)
    return write(query, limit, { code: 'ok', questions }, BAD_VERSION);
  try {
    const asked: Question = { name: question.name, type: question.type, class: question.class ?? 'IN' };
    const { code, answers, authorities } = await answerOf(zone, asked);
    return write(query, limit, {
      code,
      questions,
      answers: answers.map(recordOf),
      authorities: authorities.map(recordOf),
      authoritative: code !== 'refused',
    });
  } catch {
    return write(query, limit, { code: 'failed', questions });
  }
}

/** The question and nothing else, for whoever is to ask again by TCP; undefined for what is none. Never longer than it. */
export function askByTcp(message: Buffer): Buffer | undefined {
  if (message.length < HEADER_BYTES || (message.readUInt16BE(2) & NOT_PLAIN_QUERY) !== 0) return undefined;
  const query = isQuestion(message) ? read(message) : undefined;
  return query && write(query, 0, { code: 'ok', questions: query.questions ?? [] });
}
