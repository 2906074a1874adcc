/** Messages of the DNS that are signed with a shared key (TSIG, RFC 8945), by HMAC-SHA256. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface TsigKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

const ALGORITHM = 'hmac-sha256';
const TYPE = 250;
const CLASS_ANY = 255;
/** Seconds by which clocks may differ. */
const FUDGE = 300;
const ADDITIONAL_COUNT_AT = 10;
const MAC_BYTES = 32;
/** Of the signature's data: time, fudge, length of the code, identifier, error, length of more about that. */
const FIXED_BYTES = 16;
const HEADER_BYTES = 12;

/** A name as the DNS has it, in lower case. */
export function nameBytes(name: string): Buffer {
  const labels = name
    .toLowerCase()
    .split('.')
    .filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

export const uint16 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, 2 * index);
  return bytes;
};

const uint48 = (value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
};

interface Times {
  /** Seconds since 1970. */
  readonly signedAt: number;
  readonly fudge: number;
}

/** @param before what of an earlier message is signed along */
function macOf(key: TsigKey, before: Buffer, message: Buffer, { signedAt, fudge }: Times): Buffer {
  const variables = [
    nameBytes(key.name),
    uint16(CLASS_ANY, 0, 0),
    nameBytes(ALGORITHM),
    uint48(signedAt),
    // No error, and nothing about it.
    uint16(fudge, 0, 0),
  ];
  return createHmac('sha256', key.secret)
    .update(Buffer.concat([before, message, ...variables]))
    .digest();
}

function withAdditional(message: Buffer, more: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(message.readUInt16BE(ADDITIONAL_COUNT_AT) + more, ADDITIONAL_COUNT_AT);
  return copy;
}

/** The message with its signature, and the MAC that the answer's is made over. */
export function signed(
  message: Buffer,
  key: TsigKey,
  nowMs: number,
): { readonly message: Buffer; readonly mac: Buffer } {
  const signedAt = Math.floor(nowMs / 1000);
  const mac = macOf(key, Buffer.alloc(0), message, { signedAt, fudge: FUDGE });
  const data = Buffer.concat([
    nameBytes(ALGORITHM),
    uint48(signedAt),
    uint16(FUDGE, mac.length),
    mac,
    message.subarray(0, 2),
    uint16(0, 0),
  ]);
  const record = Buffer.concat([nameBytes(key.name), uint16(TYPE, CLASS_ANY, 0, 0, data.length), data]);
  return { message: Buffer.concat([withAdditional(message, 1), record]), mac };
}

/**
 * Whether the answer to a signed message comes from somebody with the key, and is of now. Answers that tell of an error of the
 * signature itself are not.
 */
export function isAuthentic(answer: Buffer, key: TsigKey, requestMac: Buffer, nowMs: number): boolean {
  const owner = nameBytes(key.name);
  const algorithm = nameBytes(ALGORITHM);
  // The signature is the last record, and of a known length, since nothing but an error adds to it.
  const dataLength = algorithm.length + FIXED_BYTES + MAC_BYTES;
  const head = Buffer.concat([owner, uint16(TYPE, CLASS_ANY, 0, 0, dataLength), algorithm]);
  const at = answer.length - head.length - FIXED_BYTES - MAC_BYTES;
  if (at < HEADER_BYTES || answer.readUInt16BE(ADDITIONAL_COUNT_AT) === 0) return false;
  const shown = answer.subarray(at, at + head.length);
  if (!lowered(shown, owner.length, head.length - algorithm.length).equals(head)) return false;
  const data = answer.subarray(at + head.length);
  const [signedAt, fudge] = [data.readUIntBE(0, 6), data.readUInt16BE(6)];
  const mac = data.subarray(10, 10 + MAC_BYTES);
  const rest = data.subarray(10 + MAC_BYTES);
  if (data.readUInt16BE(8) !== MAC_BYTES || !rest.subarray(2).equals(uint16(0, 0))) return false;
  const message = withAdditional(answer.subarray(0, at), -1);
  // The identifier is that of the signed message, whatever a server between made of it.
  rest.copy(message, 0, 0, 2);
  const before = Buffer.concat([uint16(requestMac.length), requestMac]);
  const expected = macOf(key, before, message, { signedAt, fudge });
  return timingSafeEqual(mac, expected) && Math.abs(nowMs / 1000 - signedAt) <= fudge;
}

/** Names may come in any capitals: those of the two parts that are names are made small. */
function lowered(bytes: Buffer, firstEnd: number, secondStart: number): Buffer {
  const low = (part: Buffer): Buffer => Buffer.from(part.toString('latin1').toLowerCase(), 'latin1');
  return Buffer.concat([
    low(bytes.subarray(0, firstEnd)),
    bytes.subarray(firstEnd, secondStart),
    low(bytes.subarray(secondStart)),
  ]);
}
