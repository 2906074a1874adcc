import type { PortRange, ProtoPorts } from '../ast.ts';
import { PolicyError } from '../errors.ts';

export const ANY_PORT: PortRange = { first: 0, last: 65535 };

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const PROTOCOLS_WITH_PORTS = new Set([TCP, UDP, SCTP]);

/** Protocol names of the language and their IANA numbers. */
const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['ipv4', 4],
  ['ip-in-ip', 4],
  ['tcp', TCP],
  ['egp', 8],
  ['igp', 9],
  ['udp', UDP],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['sctp', SCTP],
  ['fc', 133],
]);

/** Names that grants have besides, as the vendor's clients read them. */
const GRANT_PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ...PROTOCOL_NUMBERS,
  ['dccp', 33],
  ['icmpv4', 1],
  ['icmpv6', 58],
]);

const MAX_PROTOCOL = 255;

function decimal(text: string): number | undefined {
  const number = /^[0-9]+$/.test(text) ? Number(text) : undefined;
  return number !== undefined && number <= MAX_PROTOCOL ? number : undefined;
}

const unknownProtocol = (text: string): PolicyError =>
  new PolicyError(`proto name ${JSON.stringify(text)} not known; use protocol number 0-255`);

/** The number of a protocol name or decimal number without leading zeros; undefined when there is none. */
export function protocolNumber(text: string): number | undefined {
  const number = decimal(text) ?? PROTOCOL_NUMBERS.get(text.toLowerCase());
  return text.startsWith('0') ? undefined : number;
}

/** The same for a rule, which is refused when there is none. */
export function requireProtocol(text: string): number {
  const number = protocolNumber(text);
  if (number !== undefined) return number;
  if (decimal(text) === undefined) throw unknownProtocol(text);
  throw new PolicyError(`leading 0 not permitted in protocol number ${JSON.stringify(text)}`);
}

/** The same in a grant, where 0 is any protocol. */
function grantProtocols(text: string): readonly number[] | undefined {
  const number = decimal(text) ?? GRANT_PROTOCOL_NUMBERS.get(text);
  if (number === undefined) throw unknownProtocol(text);
  return number === 0 ? undefined : [number];
}

const uint16 = (text: string): number | undefined => {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 65535 ? value : undefined;
};

/** One port or range; the messages are those of the vendor's parser. */
function portRange(text: string): PortRange {
  const shown = JSON.stringify(text);
  if (text === '*') return ANY_PORT;
  if (text === '') throw new PolicyError(`invalid port list: ${shown}`);
  const parts = text.split('-');
  if (parts.length > 2) throw new PolicyError(`port range ${shown}: too many dashes(-)`);
  const first = uint16(parts[0] ?? '');
  if (first === undefined) throw new PolicyError(`port range ${shown}: invalid first integer`);
  const last = parts.length === 2 ? uint16(parts[1] ?? '') : first;
  if (last === undefined) throw new PolicyError(`port range ${shown}: invalid last integer`);
  if (first === 0) {
    throw new PolicyError(`port range ${shown}: first port must be >0, or use '*' for wildcard`);
  }
  if (first > last) throw new PolicyError(`port range ${shown}: first port must be >= last port`);
  return { first, last };
}

/** A comma-separated port list, as in the destination of an acl. */
export const portList = (text: string): PortRange[] => text.split(',').map((part) => portRange(part.trim()));

/** Splits `host:ports` at the last colon; brackets around an IPv6 host are dropped. */
export function splitHostPorts(text: string): { host: string; ports: string } | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return undefined;
  const host = text.slice(0, colon);
  const bracketed = host.startsWith('[') && host.endsWith(']');
  return { host: bracketed ? host.slice(1, -1) : host, ports: text.slice(colon + 1) };
}

/** An entry of a grant's `ip`: `*`, `443`, `80-443`, `tcp:443`, `icmp:*`. */
export function protoPorts(text: string): ProtoPorts {
  if (text === '') throw new PolicyError('empty string');
  const lower = text.toLowerCase();
  const colon = lower.lastIndexOf(':');
  const proto = colon < 0 ? '*' : lower.slice(0, colon);
  if (proto.includes(',')) throw new PolicyError('host cannot contain a comma (",")');
  const range = portRange(lower.slice(colon + 1));
  // A bare protocol number is what the service takes it for: that port of any protocol.
  if (proto === '') throw new PolicyError('empty protocol');
  const protocols = proto === '*' ? undefined : grantProtocols(proto);
  const [number] = protocols ?? [];
  if (number !== undefined) requirePortsAllowed(number, [range], proto);
  return { protocols, ports: [range] };
}

/** Only TCP, UDP and SCTP have ports. */
export function requirePortsAllowed(protocol: number, ports: readonly PortRange[], name: string): void {
  if (PROTOCOLS_WITH_PORTS.has(protocol)) return;
  if (ports.every((range) => range === ANY_PORT || (range.first === 0 && range.last === 65535))) return;
  throw new PolicyError(`protocol ${JSON.stringify(name)} does not support specifying ports; use "*"`);
}
