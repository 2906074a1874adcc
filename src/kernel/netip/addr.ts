/**
 * IP addresses as plain data. An IPv4 address is a number, an IPv6 address a bigint; the family is part of the value, so
 * `::ffff:1.2.3.4` is an IPv6 address and different from `1.2.3.4`, as in Go's netip (see `unmap`).
 *
 * Parsing is as strict as Go's, for the clients are written in Go: no leading zeros in IPv4 (`010.1.1.1`), no short
 * forms (`1.2.3`), no zones (a zone means nothing to another machine).
 */
export interface Addr4 {
  readonly family: 4;
  readonly value: number;
}

export interface Addr6 {
  readonly family: 6;
  readonly value: bigint;
}

export type Addr = Addr4 | Addr6;

export const MAX_V4 = 0xffff_ffff;
export const MAX_V6 = (1n << 128n) - 1n;

export const addr4 = (value: number): Addr4 => ({ family: 4, value });
export const addr6 = (value: bigint): Addr6 => ({ family: 6, value });

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;

/** The address that `text` spells, or undefined. */
export function parseAddr(text: string): Addr | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      const value = parseV4(text, 0);
      return value === undefined ? undefined : addr4(value);
    }
    if (code === COLON) {
      const value = parseV6(text);
      return value === undefined ? undefined : addr6(value);
    }
  }
  return undefined;
}

/** Dotted decimal from `start` to the end of the text. */
function parseV4(text: string, start: number): number | undefined {
  let value = 0;
  let fields = 0;
  let digits = 0;
  let field = 0;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code >= ZERO && code <= NINE) {
      if (digits === 1 && field === 0) return undefined; // leading zero
      field = field * 10 + (code - ZERO);
      digits++;
      if (field > 255) return undefined;
    } else if (code === DOT) {
      if (digits === 0 || fields === 4) return undefined;
      value = value * 256 + field;
      fields++;
      field = 0;
      digits = 0;
    } else return undefined;
  }
  return fields === 4 ? value : undefined;
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const V6_FIELDS = 8;

function parseV6(text: string): bigint | undefined {
  const fields: number[] = [];
  let ellipsis = -1;
  let i = 0;
  if (text.startsWith('::')) {
    ellipsis = 0;
    i = 2;
  } else if (text.charCodeAt(0) === COLON) return undefined;

  while (i < text.length) {
    if (fields.length >= V6_FIELDS) return undefined;
    let field = 0;
    let digits = 0;
    let j = i;
    for (; j < text.length; j++) {
      const digit = hexDigit(text.charCodeAt(j));
      if (digit < 0) break;
      field = field * 16 + digit;
      if (++digits > 4) return undefined;
    }
    if (digits === 0) return undefined;
    if (text.charCodeAt(j) === DOT) {
      const tail = parseV4(text, i);
      if (tail === undefined || fields.length > V6_FIELDS - 2) return undefined;
      if (ellipsis < 0 && fields.length !== V6_FIELDS - 2) return undefined;
      fields.push(Math.floor(tail / 0x1_0000), tail % 0x1_0000);
      break;
    }
    fields.push(field);
    i = j;
    if (i === text.length) break;
    if (text.charCodeAt(i) !== COLON) return undefined;
    i++;
    if (i === text.length) return undefined; // a lone colon at the end
    if (text.charCodeAt(i) === COLON) {
      if (ellipsis >= 0) return undefined;
      ellipsis = fields.length;
      i++;
    }
  }
  if (ellipsis < 0 ? fields.length !== V6_FIELDS : fields.length >= V6_FIELDS) return undefined;
  if (ellipsis >= 0) fields.splice(ellipsis, 0, ...Array<number>(V6_FIELDS - fields.length).fill(0));
  return joinFields(fields);
}

function joinFields(f: readonly number[]): bigint {
  const high = BigInt(word(f, 0)) * 0x1_0000_0000n + BigInt(word(f, 2));
  const low = BigInt(word(f, 4)) * 0x1_0000_0000n + BigInt(word(f, 6));
  return (high << 64n) | low;
}

const word = (f: readonly number[], i: number): number => (f[i] ?? 0) * 0x1_0000 + (f[i + 1] ?? 0);

const MAPPED = 0xffffn << 32n;

export const is4In6 = (addr: Addr): boolean => addr.family === 6 && addr.value >> 32n === 0xffffn;

/** The IPv4 address inside `::ffff:a.b.c.d`; any other address as it is. */
export const unmap = (addr: Addr): Addr =>
  addr.family === 6 && is4In6(addr) ? addr4(Number(addr.value - MAPPED)) : addr;

const formatV4 = (value: number): string =>
  `${Math.floor(value / 0x100_0000)}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;

function formatV6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatV4(Number(value - MAPPED))}`;
  const fields: number[] = [];
  for (let shift = 96n; shift >= 0n; shift -= 32n) {
    const part = Number((value >> shift) & 0xffff_ffffn);
    fields.push(Math.floor(part / 0x1_0000), part % 0x1_0000);
  }
  // RFC 5952: the longest run of at least two zero fields, the first of equals, becomes "::".
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < V6_FIELDS; ) {
    let j = i;
    while (j < V6_FIELDS && fields[j] === 0) j++;
    if (j - i > bestLength) {
      best = i;
      bestLength = j - i;
    }
    i = Math.max(j, i + 1);
  }
  const hex = (from: number, to: number): string =>
    fields
      .slice(from, to)
      .map((field) => field.toString(16))
      .join(':');
  return best < 0 ? hex(0, V6_FIELDS) : `${hex(0, best)}::${hex(best + bestLength, V6_FIELDS)}`;
}

/** Canonical text: dotted decimal, or RFC 5952. */
export const formatAddr = (addr: Addr): string =>
  addr.family === 4 ? formatV4(addr.value) : formatV6(addr.value);

/** IPv4 before IPv6, then by value. */
export function compareAddr(a: Addr, b: Addr): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}
