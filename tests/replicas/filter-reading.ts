// A packet filter as a client applies it, for IPv4 and TCP.
import type { FilterRule } from '../../src/control/wire/index.ts';

const TCP = 6;

const numberOf = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** `*`, an address, a prefix, or a range from-to. */
function covers(spec: string, ip: string): boolean {
  if (spec === '*') return true;
  if (spec.includes(':')) return false;
  const value = numberOf(ip);
  const [from = '', to] = spec.split('-');
  if (to !== undefined) return numberOf(from) <= value && value <= numberOf(to);
  const [base = '', bits = '32'] = spec.split('/');
  const size = 2 ** (32 - Number(bits));
  return Math.floor(numberOf(base) / size) === Math.floor(value / size);
}

export function permits(rules: readonly FilterRule[], from: string, to: string, port: number): boolean {
  return rules.some(
    (rule) =>
      (!rule.IPProto || rule.IPProto.length === 0 || rule.IPProto.includes(TCP)) &&
      rule.SrcIPs.some((spec) => covers(spec, from)) &&
      (rule.DstPorts ?? []).some(
        ({ IP, Ports }) => covers(IP, to) && Ports.First <= port && port <= Ports.Last,
      ),
  );
}
