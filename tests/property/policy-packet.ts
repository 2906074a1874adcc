/** Packets to try, and a client's reading of the filter that decides about them. */
import { type Addr, parseAddr, parseAddrOrPrefix, prefixContains } from '../../src/kernel/netip/index.ts';
import type { FilterRule } from '../../src/policy/index.ts';
import type { Packet } from './policy-naive.ts';

/** A client's reading of its filter. */
export function filterAccepts(
  rules: readonly Pick<FilterRule, 'SrcIPs' | 'DstPorts' | 'IPProto'>[],
  { from, to, protocol, port }: Packet,
): boolean {
  return rules.some(({ SrcIPs, DstPorts = [], IPProto = [6, 17, 1, 58] }) => {
    if (!IPProto.includes(protocol) || !SrcIPs.some((text) => covers(text, from))) return false;
    return DstPorts.some(({ IP, Ports }) => covers(IP, to) && port >= Ports.First && port <= Ports.Last);
  });
}

export function covers(text: string, addr: Addr): boolean {
  if (text === '*') return true;
  const prefix = parseAddrOrPrefix(text);
  if (prefix !== undefined) return prefixContains(prefix, addr);
  const [from, to] = text.split('-').map((part) => parseAddr(part));
  if (from === undefined || to === undefined) throw new Error(`not an address, prefix or range: ${text}`);
  return from.family === addr.family && addr.value >= from.value && addr.value <= to.value;
}

const OUTSIDE = [
  '10.1.2.9',
  '10.1.77.1',
  '10.2.0.1',
  '10.5.0.7',
  '10.5.0.99',
  '10.9.0.7',
  '8.8.8.8',
  '1.1.1.1',
  'fd00:1::5',
  '2001:db8::1',
  '100.64.0.99',
  '192.168.0.1',
];
export const ADDRESSES = [
  ...OUTSIDE,
  ...[1, 2, 3, 4, 5, 6, 7, 8, 21, 25].flatMap((n) => [
    `100.64.0.${n}`,
    `100.127.0.${n}`,
    `fd7a:115c:a1e0::${n.toString(16)}`,
  ]),
].map((text) => parseAddr(text)!);
export const TRAFFIC = [
  { protocol: 6, port: 22 },
  { protocol: 6, port: 443 },
  { protocol: 6, port: 85 },
  { protocol: 17, port: 53 },
  { protocol: 1, port: 0 },
  { protocol: 47, port: 0 },
];
