/**
 * Addresses of devices and services. IPv4 from 100.64.0.0/10 at random; IPv6 is the same 24 low bits under the 4-to-6 prefix, so that
 * one free address means two.
 *
 * Ranges that are never given out: 100.100.0.0/24 and 100.100.100.0/24 (the resolver that clients build in),
 * 100.115.92.0/23 (ChromeOS), 100.101.102.103 (contracts of the REST API, "Addresses"). 100.127.0.0/16 is for edge-only
 * devices, which the policy file's wildcards leave out.
 *
 * An address is free when no organization of the installation has it: a device that is shared keeps its addresses in the
 * network of whoever accepts, where they must mean it alone.
 */

import { AppError } from '../../kernel/errors.ts';
import { formatAddr, masked, parsePrefix } from '../../kernel/netip/index.ts';
import type { Random } from '../../kernel/random.ts';
import type { Address, Device } from '../model/devices.ts';
import type { Reader, Tx } from '../ports/store.ts';

const POOL_START = ipv4Number(100, 64, 0, 0);
const EDGE_START = ipv4Number(100, 127, 0, 0);
const EDGE_BITS = 16;
const POOL_END = EDGE_START;

const RESERVED: readonly (readonly [number, number])[] = [
  [ipv4Number(100, 100, 0, 0), ipv4Number(100, 100, 0, 255)],
  [ipv4Number(100, 100, 100, 0), ipv4Number(100, 100, 100, 255)],
  [ipv4Number(100, 101, 102, 103), ipv4Number(100, 101, 102, 103)],
  [ipv4Number(100, 115, 92, 0), ipv4Number(100, 115, 93, 255)],
];

function ipv4Number(a: number, b: number, c: number, d: number): number {
  return ((a * 256 + b) * 256 + c) * 256 + d;
}

const ipv4Text = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/** fd7a:115c:a1e0:ab12:4843:cd96:62xx:xxxx, the low 24 bits being those of the IPv4 address. */
function ipv6Text(value: number): string {
  const low = value % 2 ** 24;
  const high = 0x6200 + Math.floor(low / 2 ** 16);
  return `fd7a:115c:a1e0:ab12:4843:cd96:${high.toString(16)}:${(low % 2 ** 16).toString(16)}`;
}

const isReserved = (value: number): boolean =>
  RESERVED.some(([first, last]) => value >= first && value <= last);

/** First and last address. */
type Span = readonly [first: number, last: number];

const EDGE_SPAN: Span = [EDGE_START, EDGE_START + 2 ** EDGE_BITS - 1];
const NORMAL_SPAN: Span = [POOL_START, POOL_END - 1];

const sizeOf = ([first, last]: Span): number => last - first + 1;

/** The part of a prefix that devices of this class may have; undefined where there is none. */
function spanWithin(text: string, [lowest, highest]: Span): Span | undefined {
  const prefix = parsePrefix(text);
  const start = prefix?.addr.family === 4 ? formatAddr(masked(prefix).addr) : undefined;
  if (prefix === undefined || start === undefined) return undefined;
  const first = numberOf(start);
  const span: Span = [Math.max(first, lowest), Math.min(first + 2 ** (IPV4_BITS - prefix.bits) - 1, highest)];
  return sizeOf(span) > 0 ? span : undefined;
}

const numberOf = (ipv4: string): number => ipv4.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);

function nth(spans: readonly Span[], index: number): number {
  let left = index;
  for (const span of spans) {
    if (left < sizeOf(span)) return span[0] + left;
    left -= sizeOf(span);
  }
  throw new RangeError('beyond the last address');
}

/** Addresses to try: all of a small pool from some point on, some of a large one at random. */
function* candidates(random: Random, spans: readonly Span[]): Generator<number> {
  const size = spans.reduce((sum, span) => sum + sizeOf(span), 0);
  if (size === 0) return;
  const draw = (): number => random.bytes(6).reduce((sum, byte) => sum * 256 + byte, 0) % size;
  if (size > MAX_SCANNED) {
    for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) yield nth(spans, draw());
    return;
  }
  const start = draw();
  for (let step = 0; step < size; step += 1) yield nth(spans, (start + step) % size);
}

const IPV4_BITS = 32;
const MAX_TRIES = 200;
/** Pools of so many addresses are looked through to the last. */
const MAX_SCANNED = 4_096;

export interface AddressPair {
  readonly ipv4: string;
  readonly ipv6: string;
}

export interface AddressWish {
  readonly deviceClass: Device['class'];
  /** Prefixes to take the IPv4 address from; without any, all that devices may have. */
  readonly pools?: readonly string[] | undefined;
}

export type AddressReader = Pick<Reader, 'find' | 'lookupAll'>;

/** The first candidate is nearly always free; whoever looks on is in a pool that is nearly full. */
const BATCHES = [1, 16, 256];
const LARGEST_BATCH = 1_024;

function* batches(values: Iterable<number>): Generator<readonly AddressPair[]> {
  const sizes = BATCHES.values();
  let size = sizes.next().value ?? LARGEST_BATCH;
  let batch: AddressPair[] = [];
  for (const value of values) {
    if (isReserved(value)) continue;
    batch.push({ ipv4: ipv4Text(value), ipv6: ipv6Text(value) });
    if (batch.length < size) continue;
    yield batch;
    batch = [];
    size = sizes.next().value ?? LARGEST_BATCH;
  }
  if (batch.length > 0) yield batch;
}

/** The addresses of some pairs that somebody has, here or in another organization. */
async function usedAmong(
  tx: AddressReader,
  org: number,
  pairs: readonly AddressPair[],
): Promise<Set<string>> {
  const all = pairs.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
  const [own, claimed] = [
    await tx.find('address', org, { ip: all }),
    await tx.lookupAll('address', 'claim', all),
  ];
  return new Set([...own, ...claimed].map(({ ip }) => ip));
}

/** Two free addresses. `conflict` when the pool is full, or as good as full. */
export async function allocateAddresses(
  tx: AddressReader,
  random: Random,
  org: number,
  { deviceClass, pools = [] }: AddressWish,
): Promise<AddressPair> {
  const all = deviceClass === 'edge-only' ? EDGE_SPAN : NORMAL_SPAN;
  const spans =
    pools.length === 0
      ? [all]
      : pools.map((pool) => spanWithin(pool, all)).filter((span) => span !== undefined);
  for (const pairs of batches(candidates(random, spans))) {
    const used = await usedAmong(tx, org, pairs);
    const free = pairs.find(({ ipv4, ipv6 }) => !used.has(ipv4) && !used.has(ipv6));
    if (free !== undefined) return free;
  }
  const which = pools.length === 0 ? '' : ` ${pools.join(', ')}`;
  throw new AppError('conflict', `no address is free in the pool${which}`);
}

/** The row of a device's or service's address. */
export const heldAddress = (
  org: number,
  ip: string,
  family: 4 | 6,
  holderKind: 'device' | 'service',
  holder: number,
): Address => ({ org, ip, family, holderKind, holder, claim: ip });

/** Whoever holds an address, in whichever organization: the caller tells its asker no more than that it is in use. */
export const addressHolder = (reader: Reader, ip: string): Promise<Address | undefined> =>
  reader.lookup('address', 'claim', ip);

/** The pair of an IPv4 address of the pool, which the caller has checked. */
export function addressPairOf(ipv4: string): AddressPair {
  const value = numberOf(ipv4);
  return { ipv4: ipv4Text(value), ipv6: ipv6Text(value) };
}

/** Writes a pair as a device's. */
export const insertAddresses = (
  tx: Tx,
  org: number,
  device: number,
  { ipv4, ipv6 }: AddressPair,
): Promise<void> =>
  tx.insertAll('address', [
    heldAddress(org, ipv4, 4, 'device', device),
    heldAddress(org, ipv6, 6, 'device', device),
  ]);
