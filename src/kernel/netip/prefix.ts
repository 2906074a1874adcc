import { type Addr, addr4, addr6, compareAddr, formatAddr, parseAddr } from './addr.ts';

/** A CIDR prefix. `addr` may have bits set behind `bits`, as in the text it came from; see `masked`. */
export interface Prefix {
  readonly addr: Addr;
  readonly bits: number;
}

/** An inclusive range of addresses of one family. */
export type Range =
  | { readonly family: 4; readonly from: number; readonly to: number }
  | { readonly family: 6; readonly from: bigint; readonly to: bigint };

const widthOf = (addr: Addr): number => (addr.family === 4 ? 32 : 128);

const BITS = /^(?:0|[1-9][0-9]{0,2})$/;

/** `address/bits`; undefined when either part is malformed or the bits exceed the family's width. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return undefined;
  const addr = parseAddr(text.slice(0, slash));
  const bitsText = text.slice(slash + 1);
  if (addr === undefined || !BITS.test(bitsText)) return undefined;
  const bits = Number(bitsText);
  return bits <= widthOf(addr) ? { addr, bits } : undefined;
}

/** The prefix of one address. */
export const hostPrefix = (addr: Addr): Prefix => ({ addr, bits: widthOf(addr) });

/** An address or a prefix. */
export function parseAddrOrPrefix(text: string): Prefix | undefined {
  if (text.includes('/')) return parsePrefix(text);
  const addr = parseAddr(text);
  return addr && hostPrefix(addr);
}

/** The range of one address. */
export const rangeOfAddr = (addr: Addr): Range =>
  addr.family === 4
    ? { family: 4, from: addr.value, to: addr.value }
    : { family: 6, from: addr.value, to: addr.value };

export function rangeOfPrefix(prefix: Prefix): Range {
  if (prefix.addr.family === 4) {
    const size = 2 ** (32 - prefix.bits);
    const from = Math.floor(prefix.addr.value / size) * size;
    return { family: 4, from, to: from + size - 1 };
  }
  const shift = BigInt(128 - prefix.bits);
  const from = (prefix.addr.value >> shift) << shift;
  return { family: 6, from, to: from + (1n << shift) - 1n };
}

/** The prefix with every bit behind its length cleared. */
export function masked(prefix: Prefix): Prefix {
  const range = rangeOfPrefix(prefix);
  return { addr: range.family === 4 ? addr4(range.from) : addr6(range.from), bits: prefix.bits };
}

export const formatPrefix = (prefix: Prefix): string => `${formatAddr(prefix.addr)}/${prefix.bits}`;

export const isSingleAddr = (prefix: Prefix): boolean => prefix.bits === widthOf(prefix.addr);

export function prefixContains(prefix: Prefix, addr: Addr): boolean {
  if (prefix.addr.family !== addr.family) return false;
  const { from, to } = rangeOfPrefix(prefix);
  return addr.value >= from && addr.value <= to;
}

/** Whether every address of `inner` is in `outer`. */
export const prefixCovers = (outer: Prefix, inner: Prefix): boolean =>
  outer.bits <= inner.bits && prefixContains(outer, inner.addr);

/** Two prefixes share an address exactly when one covers the other. */
export const prefixesOverlap = (a: Prefix, b: Prefix): boolean => prefixCovers(a, b) || prefixCovers(b, a);

/** By address, then shorter first. */
export const comparePrefix = (a: Prefix, b: Prefix): number => compareAddr(a.addr, b.addr) || a.bits - b.bits;

/** Both default routes, which make a device an exit node. */
export const isDefaultRoute = (prefix: Prefix): boolean => prefix.bits === 0;
