/** STUN (RFC 8489), as much as clients ask of it: a binding request is answered with the address it came from. */
import { isIPv4, isIPv6 } from 'node:net';

const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const XOR_MAPPED_ADDRESS = 0x0020;
const FAMILY = { 4: 1, 6: 2 } as const;
const ADDRESS_HEAD_BYTES = 4;
/** `::ffff:a.b.c.d`, as a socket of both families shows IPv4. */
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu;

/** The answer to a datagram; undefined where it is no binding request. Never longer than 44 bytes. */
export function stunAnswer(datagram: Buffer, from: { address: string; port: number }): Buffer | undefined {
  if (!isBindingRequest(datagram)) return undefined;
  const address = addressBytes(from.address);
  if (address === undefined) return undefined;
  const transaction = datagram.subarray(4, HEADER_BYTES);
  const answer = Buffer.alloc(HEADER_BYTES + 4 + ADDRESS_HEAD_BYTES + address.length);
  answer.writeUInt16BE(BINDING_SUCCESS, 0);
  answer.writeUInt16BE(answer.length - HEADER_BYTES, 2);
  // The cookie and the transaction's number; together they also mask the address.
  transaction.copy(answer, 4);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, HEADER_BYTES);
  answer.writeUInt16BE(ADDRESS_HEAD_BYTES + address.length, HEADER_BYTES + 2);
  answer.writeUInt8(address.length === 4 ? FAMILY[4] : FAMILY[6], HEADER_BYTES + 5);
  answer.writeUInt16BE(from.port ^ (MAGIC_COOKIE >>> 16), HEADER_BYTES + 6);
  for (const [index, byte] of address.entries()) {
    answer[HEADER_BYTES + 8 + index] = byte ^ (transaction[index] ?? 0);
  }
  return answer;
}

function isBindingRequest(datagram: Buffer): boolean {
  if (datagram.length < HEADER_BYTES || datagram.length % 4 !== 0) return false;
  return (
    datagram.readUInt16BE(0) === BINDING_REQUEST &&
    datagram.readUInt16BE(2) === datagram.length - HEADER_BYTES &&
    datagram.readUInt32BE(4) === MAGIC_COOKIE
  );
}

function addressBytes(text: string): Uint8Array | undefined {
  const plain = (MAPPED_IPV4.exec(text)?.[1] ?? text).split('%', 1)[0] ?? '';
  if (isIPv4(plain)) return Uint8Array.from(plain.split('.').map(Number));
  if (!isIPv6(plain)) return undefined;
  // The parser of URLs writes every IPv6 address in groups of hex digits.
  const [before = '', after] = new URL(`http://[${plain}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string | undefined): number[] =>
    part === undefined || part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(before);
  const right = groups(after);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
