import type { ProtoPorts } from '../ast.ts';
import { DEFAULT_PROTOCOLS, type Traffic } from './match.ts';

/** Ports by protocol: sorted, disjoint ranges as `[first, last, first, last, …]`. */
export type PortSet = ReadonlyMap<number, readonly number[]>;

/** One more than the highest port: a range is kept as one number while ranges are sorted. */
const PORTS = 65_536;

export const portSetOf = (allow: readonly ProtoPorts[]): PortSet => {
  const byProtocol = new Map<number, number[]>();
  for (const { protocols, ports } of allow) {
    for (const protocol of protocols ?? DEFAULT_PROTOCOLS) {
      const ranges = byProtocol.get(protocol) ?? [];
      byProtocol.set(protocol, ranges);
      for (const { first, last } of ports) ranges.push(first, last);
    }
  }
  return normalized(byProtocol);
};

export function unionOfPorts(sets: readonly PortSet[]): PortSet {
  const [only] = sets;
  if (only !== undefined && sets.length === 1) return only;
  const byProtocol = new Map<number, number[]>();
  for (const set of sets) {
    for (const [protocol, own] of set) {
      const ranges = byProtocol.get(protocol) ?? [];
      byProtocol.set(protocol, ranges);
      for (const end of own) ranges.push(end);
    }
  }
  return normalized(byProtocol);
}

const normalized = (byProtocol: ReadonlyMap<number, readonly number[]>): PortSet =>
  new Map([...byProtocol].map(([protocol, ranges]) => [protocol, joined(ranges)]));

function joined(ranges: readonly number[]): readonly number[] {
  if (ranges.length <= 2) return ranges;
  const sorted = new Float64Array(ranges.length >> 1);
  for (let i = 0; i < sorted.length; i++) {
    sorted[i] = (ranges[2 * i] ?? 0) * PORTS + (ranges[2 * i + 1] ?? 0);
  }
  sorted.sort();
  const out: number[] = [];
  let end = -2;
  for (const range of sorted) {
    const first = Math.floor(range / PORTS);
    const last = range % PORTS;
    if (first > end + 1) {
      out.push(first, last);
      end = last;
    } else if (last > end) {
      out[out.length - 1] = last;
      end = last;
    }
  }
  return out;
}

export function hasPort(set: PortSet, { protocol, port }: Traffic): boolean {
  const flat = set.get(protocol) ?? [];
  let low = 0;
  let high = flat.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((flat[2 * middle + 1] ?? 0) < port) low = middle + 1;
    else high = middle;
  }
  const first = flat[2 * low];
  return first !== undefined && first <= port;
}
