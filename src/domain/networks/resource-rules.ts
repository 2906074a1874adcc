/** What a resource's address, alias, ports, labels and terms of access may be. */
import { DAY, HOUR, SECOND } from '../../kernel/clock.ts';
import { invalid } from '../../kernel/errors.ts';
import { isDnsName } from '../../kernel/names.ts';
import {
  addr4,
  addr6,
  formatAddr,
  formatPrefix,
  isSingleAddr,
  masked,
  type Prefix,
  parseAddr,
  parseAddrOrPrefix,
  parsePrefix,
  rangeOfPrefix,
} from '../../kernel/netip/index.ts';
import { isAmongDevices } from '../model/device-blocks.ts';
import type { AccessMode, PortRules, Resource, ResourceProtocols } from '../model/networks.ts';

export type AddressParts = Pick<Resource, 'addressText' | 'addressKind' | 'lowAddress' | 'highAddress'>;

/** `*` stands for any characters, `?` for one. */
const WILDCARD = /^(?=.{1,253}$)[a-z0-9_*?-]{1,63}(?:\.[a-z0-9_*?-]{1,63})+$/iu;
const ALL_DIGITS = /^[0-9.]+$/u;
const MAX_PORT = 65_535;

export const isWildcard = (address: string): boolean => /[*?]/u.test(address);

/** Gateways carry what their resources are: among the addresses of devices, they would draw others' traffic to themselves. */
function refuseDevices(address: string, prefix: Prefix | undefined): void {
  if (prefix !== undefined && isAmongDevices(prefix)) {
    throw invalid(`Invalid address: ${address} lies where devices have their own addresses`, 'address');
  }
}

/** An address, a prefix without host bits, a DNS name, or a pattern of DNS names. */
export function parseAddress(text: string): AddressParts {
  const address = text.trim();
  refuseDevices(address, parseAddrOrPrefix(address));
  const single = parseAddr(address);
  if (single !== undefined) {
    const canonical = formatAddr(single);
    return { addressText: address, addressKind: 'ip', lowAddress: canonical, highAddress: canonical };
  }
  const prefix = parsePrefix(address);
  if (prefix !== undefined && formatPrefix(masked(prefix)) === formatPrefix(prefix)) {
    const range = rangeOfPrefix(prefix);
    const [low, high] =
      range.family === 4
        ? [formatAddr(addr4(range.from)), formatAddr(addr4(range.to))]
        : [formatAddr(addr6(range.from)), formatAddr(addr6(range.to))];
    const kind = isSingleAddr(prefix) ? 'ip' : 'cidr';
    return { addressText: address, addressKind: kind, lowAddress: low, highAddress: high };
  }
  const name = address.replace(/\.$/u, '');
  const isName = isWildcard(name) ? WILDCARD.test(name) : isDnsName(name) && !ALL_DIGITS.test(name);
  if (!isName) throw invalid('Invalid IP or FQDN', 'address');
  return { addressText: address, addressKind: 'dns', lowAddress: null, highAddress: null };
}

const HOST_PORT = /^(?:\[([0-9a-f:.]{2,45})\]|([^:[\]]{1,253})):([1-9][0-9]{0,4})$/iu;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `host:port` with a DNS name, an IPv4 address or an IPv6 address in brackets; undefined for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = HOST_PORT.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const isAddress = parseAddr(host) !== undefined;
  const isHost =
    match?.[1] !== undefined ? isAddress : isAddress || (isDnsName(host) && !ALL_DIGITS.test(host));
  return isHost && port <= MAX_PORT ? { host, port } : undefined;
}

/** A DNS name of several labels. */
export function checkAlias(text: string): string {
  if (!isDnsName(text) || !text.includes('.') || parseAddr(text) !== undefined) {
    throw invalid('Alias must be a valid DNS name', 'alias');
  }
  return text;
}

const MAX_RANGES = 500;

function checkRules(name: string, { policy, ports }: PortRules): PortRules {
  // Without a restriction ports say nothing.
  if (policy === 'allow-all') return { policy, ports: [] };
  if (ports.length > MAX_RANGES) throw invalid(`${name} has more than ${MAX_RANGES} port ranges`, name);
  for (const { start, end } of ports) {
    if (start < 1 || end > MAX_PORT || start > end) {
      throw invalid(`${name} port range ${start}-${end} must lie within 1-${MAX_PORT}`, name);
    }
  }
  return { policy, ports: ports.map(({ start, end }) => ({ start, end })) };
}

export const OPEN_PROTOCOLS: ResourceProtocols = {
  allowIcmp: true,
  tcp: { policy: 'allow-all', ports: [] },
  udp: { policy: 'allow-all', ports: [] },
};

export const checkProtocols = ({ allowIcmp, tcp, udp }: ResourceProtocols): ResourceProtocols => ({
  allowIcmp,
  tcp: checkRules('tcp', tcp),
  udp: checkRules('udp', udp),
});

export function checkPort(port: number, field: string): number {
  if (port < 1 || port > MAX_PORT)
    throw invalid(`${field} port ${port} must lie within 1-${MAX_PORT}`, field);
  return port;
}

export interface Label {
  readonly key: string;
  readonly value: string;
}

const MAX_LABELS = 64;
const MAX_KEY = 128;
const MAX_VALUE = 256;
const RESERVED_KEY = 'tg';

export function checkLabels(labels: readonly Label[]): Label[] {
  if (labels.length > MAX_LABELS) throw invalid(`a resource has at most ${MAX_LABELS} tags`, 'tags');
  const seen = new Set<string>();
  return labels.map((label) => {
    const [key, value] = [label.key.trim(), label.value.trim()];
    if (key === '' || key.length > MAX_KEY) throw invalid(`a tag key has 1 to ${MAX_KEY} characters`, 'tags');
    if (value === '' || value.length > MAX_VALUE) {
      throw invalid(`a tag value has 1 to ${MAX_VALUE} characters`, 'tags');
    }
    if (key.startsWith(RESERVED_KEY))
      throw invalid(`a tag key must not start with '${RESERVED_KEY}'`, 'tags');
    if (seen.has(key)) throw invalid(`the tag key '${key}' is there twice`, 'tags');
    seen.add(key);
    return { key, value };
  });
}

const MAX_HEADERS = 64;
const MAX_HEADER_VALUE = 4_096;
/** RFC 9110: a header's name is a token, its value has neither line ends nor U+0000. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/u;

export function checkHeaders(headers: readonly Label[]): Label[] {
  const refused = (why: string) => invalid(`requestHeaderRewrites ${why}`, 'requestHeaderRewrites');
  if (headers.length > MAX_HEADERS) throw refused(`has more than ${MAX_HEADERS} headers`);
  const seen = new Set<string>();
  return headers.map(({ key, value }) => {
    if (!TOKEN.test(key)) throw refused(`'${key.slice(0, 40)}' is no name of a header`);
    if (value.length > MAX_HEADER_VALUE || /\p{Cc}/u.test(value)) throw refused(`'${key}' has a bad value`);
    if (seen.has(key.toLowerCase())) throw refused(`'${key}' is there twice`);
    seen.add(key.toLowerCase());
    return { key, value };
  });
}

/** How access locks and opens again. Null: not said; the resource's terms, or the plain ones, hold. */
export interface AccessTerms {
  readonly accessMode: AccessMode | null;
  readonly accessSeconds: number | null;
  readonly approvalMode: 'automatic' | 'manual' | null;
}

const SECONDS_PER_HOUR = HOUR / SECOND;
const SECONDS_PER_DAY = DAY / SECOND;
const MAX_SECONDS = 365 * SECONDS_PER_DAY;

function checkTerms({ accessMode, accessSeconds, approvalMode }: AccessTerms): AccessTerms {
  switch (accessMode) {
    case null:
    case 'manual':
      if (accessSeconds !== null) {
        throw invalid('accessPolicy of mode MANUAL takes no durationSeconds', 'accessPolicy');
      }
      return { accessMode, accessSeconds: null, approvalMode: accessMode === null ? approvalMode : null };
    case 'auto-lock':
      if (accessSeconds === null || accessSeconds < SECONDS_PER_DAY || accessSeconds > MAX_SECONDS) {
        throw invalid(
          'accessPolicy of mode AUTO_LOCK needs durationSeconds of 1 to 365 days',
          'accessPolicy',
        );
      }
      return { accessMode, accessSeconds, approvalMode: approvalMode ?? 'manual' };
    case 'access-request':
      if (accessSeconds !== null && (accessSeconds < SECONDS_PER_HOUR || accessSeconds > MAX_SECONDS)) {
        throw invalid('accessPolicy durationSeconds must be 1 hour to 365 days', 'accessPolicy');
      }
      return { accessMode, accessSeconds, approvalMode: approvalMode ?? 'manual' };
  }
}

export interface TermsChange {
  /** Replaces mode and duration. */
  readonly policy?: { readonly mode: AccessMode; readonly seconds: number | null };
  readonly approvalMode?: 'automatic' | 'manual' | null;
  /** The older way to say AUTO_LOCK; null takes it back. */
  readonly autolockDays?: number | null;
}

/** The terms after a change of some of them. */
export function changeTerms(present: AccessTerms, change: TermsChange): AccessTerms {
  let { accessMode, accessSeconds, approvalMode } = present;
  if (change.policy !== undefined) {
    accessMode = change.policy.mode;
    accessSeconds = change.policy.seconds;
  } else if (typeof change.autolockDays === 'number') {
    accessMode = 'auto-lock';
    accessSeconds = change.autolockDays * SECONDS_PER_DAY;
  } else if (change.autolockDays === null && accessMode === 'auto-lock') {
    accessMode = null;
    accessSeconds = null;
  }
  if (change.approvalMode !== undefined) approvalMode = change.approvalMode;
  return checkTerms({ accessMode, accessSeconds, approvalMode });
}
