/** ASN.1 in its distinguished encoding (X.690), as much as a certificate needs. */

const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;
const BOOLEAN_TRUE = Uint8Array.of(0x01, 0x01, 0xff);
const CONTEXT_CLASS = 0x80;
const CONSTRUCTED = 0x20;
const SHORT_LENGTH_END = 0x80;
/** RFC 5280 §4.1.2.5: years before this in two digits. */
const GENERALIZED_FROM_YEAR = 2050;

function element(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(tag), lengthBytes(content.length), content]);
}

function lengthBytes(length: number): Uint8Array {
  if (length < SHORT_LENGTH_END) return Uint8Array.of(length);
  const bytes = bigEndian(length);
  return Uint8Array.of(SHORT_LENGTH_END | bytes.length, ...bytes);
}

function bigEndian(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

const pad = (value: number): string => String(value).padStart(2, '0');

export const der = {
  true: BOOLEAN_TRUE,
  sequence: (...items: readonly Uint8Array[]) => element(TAG.sequence, Buffer.concat(items)),
  set: (...items: readonly Uint8Array[]) => element(TAG.set, Buffer.concat(items)),
  octets: (content: Uint8Array) => element(TAG.octetString, content),
  utf8: (text: string) => element(TAG.utf8String, Buffer.from(text)),
  /** Of whole bytes, or of fewer bits of the last byte. */
  bits: (content: Uint8Array, unusedBits = 0) =>
    element(TAG.bitString, Buffer.concat([Uint8Array.of(unusedBits), content])),
  /** A positive integer from its bytes, the highest first. */
  integer: (bytes: Uint8Array) => {
    const first = bytes.findIndex((byte) => byte !== 0);
    const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
    // A first bit of one would make it negative.
    const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array();
    return element(TAG.integer, Buffer.concat([sign, digits]));
  },
  oid: (dotted: string) => {
    const [root = 0, branch = 0, ...arcs] = dotted.split('.').map(Number);
    const bytes = [root * 40 + branch, ...arcs].flatMap((arc) => {
      const groups = [arc & 0x7f];
      for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
      return groups;
    });
    return element(TAG.objectIdentifier, Uint8Array.from(bytes));
  },
  /** `ms` since 1970; whole seconds. */
  time: (ms: number) => {
    const at = new Date(ms);
    const year = at.getUTCFullYear();
    const clock = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()];
    const rest = `${[at.getUTCMonth() + 1, at.getUTCDate(), ...clock].map(pad).join('')}Z`;
    return year < GENERALIZED_FROM_YEAR
      ? element(TAG.utcTime, Buffer.from(pad(year % 100) + rest))
      : element(TAG.generalizedTime, Buffer.from(year + rest));
  },
  /** `[number]`: around other elements when constructed, else in place of the type of `content`. */
  context: (number: number, content: Uint8Array, constructed = false) =>
    element(CONTEXT_CLASS | (constructed ? CONSTRUCTED : 0) | number, content),
};
