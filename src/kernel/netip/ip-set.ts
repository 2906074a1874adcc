import { type Addr, addr4, addr6, formatAddr, MAX_V4, MAX_V6 } from './addr.ts';
import { type Prefix, type Range, rangeOfPrefix } from './prefix.ts';

/**
 * An immutable set of addresses: per family a flat list `[from, to, from, to, …]` of sorted, disjoint, non-adjacent
 * inclusive ranges. Equal sets have equal lists.
 */
export interface IpSet {
  readonly v4: readonly number[];
  readonly v6: readonly bigint[];
}

export const EMPTY_SET: IpSet = { v4: [], v6: [] };
export const FULL_SET: IpSet = { v4: [0, MAX_V4], v6: [0n, MAX_V6] };

export const isEmptySet = (set: IpSet): boolean => set.v4.length === 0 && set.v6.length === 0;

export function equalSets(a: IpSet, b: IpSet): boolean {
  if (a === b) return true;
  if (a.v4.length !== b.v4.length || a.v6.length !== b.v6.length) return false;
  for (let i = 0; i < a.v4.length; i++) if (a.v4[i] !== b.v4[i]) return false;
  for (let i = 0; i < a.v6.length; i++) if (a.v6[i] !== b.v6[i]) return false;
  return true;
}

/** What differs between the families: the successor of a value. */
type Next<T> = (value: T) => T;

/** A number or a bigint; spelled loosely because TypeScript widens a union bound when it narrows. */
type Ordered = NonNullable<unknown>;

const larger = <T extends Ordered>(a: T, b: T): T => (a > b ? a : b);
const smaller = <T extends Ordered>(a: T, b: T): T => (a < b ? a : b);

const next4: Next<number> = (value) => value + 1;
const next6: Next<bigint> = (value) => value + 1n;

/** Normalises ranges in any order. */
function normalize<T extends Ordered>(pairs: [T, T][], next: Next<T>): T[] {
  pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  const out: T[] = [];
  for (const [from, to] of pairs) {
    const last = out.at(-1);
    if (last !== undefined && from <= next(last)) {
      if (to > last) out[out.length - 1] = to;
    } else out.push(from, to);
  }
  return out;
}

export function setOfRanges(ranges: Iterable<Range>): IpSet {
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  for (const range of ranges) {
    if (range.family === 4) v4.push([range.from, range.to]);
    else v6.push([range.from, range.to]);
  }
  return { v4: normalize(v4, next4), v6: normalize(v6, next6) };
}

export function setOfPrefix(prefix: Prefix): IpSet {
  const range = rangeOfPrefix(prefix);
  return range.family === 4 ? { v4: [range.from, range.to], v6: [] } : { v4: [], v6: [range.from, range.to] };
}

export function setOfPrefixes(prefixes: Iterable<Prefix>): IpSet {
  return setOfRanges([...prefixes].map(rangeOfPrefix));
}

export function setOfAddrs(addrs: Iterable<Addr>): IpSet {
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  for (const addr of addrs) {
    if (addr.family === 4) v4.push([addr.value, addr.value]);
    else v6.push([addr.value, addr.value]);
  }
  return { v4: normalize(v4, next4), v6: normalize(v6, next6) };
}

function pairsOf<T extends Ordered>(flat: readonly T[], into: [T, T][]): void {
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const from = flat[i];
    const to = flat[i + 1];
    if (from !== undefined && to !== undefined) into.push([from, to]);
  }
}

export function unionSets(sets: readonly IpSet[]): IpSet {
  const full = sets.filter((set) => !isEmptySet(set));
  const [only] = full;
  if (only === undefined) return EMPTY_SET;
  if (full.length === 1) return only;
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  for (const set of full) {
    pairsOf(set.v4, v4);
    pairsOf(set.v6, v6);
  }
  return { v4: normalize(v4, next4), v6: normalize(v6, next6) };
}

function intersectFlat<T extends Ordered>(a: readonly T[], b: readonly T[]): T[] {
  const out: T[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [af, at, bf, bt] = [a[i], a[i + 1], b[j], b[j + 1]];
    if (af === undefined || at === undefined || bf === undefined || bt === undefined) break;
    const from = larger(af, bf);
    const to = smaller(at, bt);
    if (from <= to) out.push(from, to);
    if (at < bt) i += 2;
    else j += 2;
  }
  return out;
}

export const intersectSets = (a: IpSet, b: IpSet): IpSet => ({
  v4: intersectFlat(a.v4, b.v4),
  v6: intersectFlat(a.v6, b.v6),
});

function complementFlat<T extends Ordered>(
  a: readonly T[],
  min: T,
  max: T,
  step: Next<T>,
  back: Next<T>,
): T[] {
  const out: T[] = [];
  let from: T | undefined = min;
  for (let i = 0; i + 1 < a.length; i += 2) {
    const [f, t] = [a[i], a[i + 1]];
    if (f === undefined || t === undefined || from === undefined) break;
    if (f > from) out.push(from, back(f));
    from = t < max ? step(t) : undefined;
  }
  if (from !== undefined) out.push(from, max);
  return out;
}

/** Every address of both families that is not in the set. */
export const complementSet = (set: IpSet): IpSet => ({
  v4: complementFlat(set.v4, 0, MAX_V4, next4, (v) => v - 1),
  v6: complementFlat(set.v6, 0n, MAX_V6, next6, (v) => v - 1n),
});

export const subtractSets = (a: IpSet, b: IpSet): IpSet =>
  isEmptySet(b) ? a : intersectSets(a, complementSet(b));

/** Index of the first range whose end is not below `value`, as an offset into the flat list. */
function seek<T extends Ordered>(flat: readonly T[], value: T): number {
  let low = 0;
  let high = flat.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const to = flat[middle * 2 + 1];
    if (to !== undefined && to < value) low = middle + 1;
    else high = middle;
  }
  return low * 2;
}

function overlapsFlat<T extends Ordered>(flat: readonly T[], from: T, to: T): boolean {
  const start = flat[seek(flat, from)];
  return start !== undefined && start <= to;
}

export const setContains = (set: IpSet, addr: Addr): boolean =>
  addr.family === 4
    ? overlapsFlat(set.v4, addr.value, addr.value)
    : overlapsFlat(set.v6, addr.value, addr.value);

/** Whether the set and the range share an address. */
export const setOverlapsRange = (set: IpSet, range: Range): boolean =>
  range.family === 4
    ? overlapsFlat(set.v4, range.from, range.to)
    : overlapsFlat(set.v6, range.from, range.to);

export const setOverlapsPrefix = (set: IpSet, prefix: Prefix): boolean =>
  setOverlapsRange(set, rangeOfPrefix(prefix));

export function setsOverlap(a: IpSet, b: IpSet): boolean {
  return overlapFlats(a.v4, b.v4) || overlapFlats(a.v6, b.v6);
}

function overlapFlats<T extends Ordered>(a: readonly T[], b: readonly T[]): boolean {
  const [few, many] = a.length <= b.length ? [a, b] : [b, a];
  for (let i = 0; i + 1 < few.length; i += 2) {
    const [from, to] = [few[i], few[i + 1]];
    if (from !== undefined && to !== undefined && overlapsFlat(many, from, to)) return true;
  }
  return false;
}

function coversFlat<T extends Ordered>(outer: readonly T[], inner: readonly T[]): boolean {
  for (let i = 0; i + 1 < inner.length; i += 2) {
    const [from, to] = [inner[i], inner[i + 1]];
    if (from === undefined || to === undefined) return false;
    const at = seek(outer, from);
    const [start, end] = [outer[at], outer[at + 1]];
    if (start === undefined || end === undefined || start > from || end < to) return false;
  }
  return true;
}

/** Whether every address of `inner` is in `outer`. */
export const setCovers = (outer: IpSet, inner: IpSet): boolean =>
  coversFlat(outer.v4, inner.v4) && coversFlat(outer.v6, inner.v6);

export function* rangesOf(set: IpSet): Generator<Range> {
  for (let i = 0; i + 1 < set.v4.length; i += 2) {
    const [from, to] = [set.v4[i], set.v4[i + 1]];
    if (from !== undefined && to !== undefined) yield { family: 4, from, to };
  }
  for (let i = 0; i + 1 < set.v6.length; i += 2) {
    const [from, to] = [set.v6[i], set.v6[i + 1]];
    if (from !== undefined && to !== undefined) yield { family: 6, from, to };
  }
}

/** The fewest prefixes that make up a range, in ascending order. */
function* prefixesOfRange(range: Range): Generator<Prefix> {
  const width = range.family === 4 ? 32 : 128;
  const to = BigInt(range.to);
  let from = BigInt(range.from);
  while (from <= to) {
    let size = 0;
    while (
      size < width &&
      (from & ((1n << BigInt(size + 1)) - 1n)) === 0n &&
      from + (1n << BigInt(size + 1)) - 1n <= to
    ) {
      size++;
    }
    yield { addr: range.family === 4 ? addr4(Number(from)) : addr6(from), bits: width - size };
    from += 1n << BigInt(size);
  }
}

/** The fewest prefixes that make up the set: IPv4 first, ascending. */
export function* prefixesOf(set: IpSet): Generator<Prefix> {
  for (const range of rangesOf(set)) yield* prefixesOfRange(range);
}

const sizeLog2 = (range: Range): number => {
  if (range.family === 4) {
    const log = Math.log2(range.to - range.from + 1);
    return Number.isInteger(log) && range.from % 2 ** log === 0 ? log : -1;
  }
  const size = range.to - range.from + 1n;
  if ((size & (size - 1n)) !== 0n || (range.from & (size - 1n)) !== 0n) return -1;
  return size.toString(2).length - 1;
};

/** `a` for one address, `a/bits` for an exact prefix, else `a-b`: how filter rules spell a source range. */
export function formatRange(range: Range): string {
  const from = formatAddr(range.family === 4 ? addr4(range.from) : addr6(range.from));
  if (range.from === range.to) return from;
  const size = sizeLog2(range);
  if (size >= 0) return `${from}/${(range.family === 4 ? 32 : 128) - size}`;
  return `${from}-${formatAddr(range.family === 4 ? addr4(range.to) : addr6(range.to))}`;
}

/** The set as range texts: IPv4 first, ascending. */
export const formatSet = (set: IpSet): string[] => [...rangesOf(set)].map(formatRange);
