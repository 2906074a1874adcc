/** A question about one source and one destination, as people ask it: `laptop`, `web:443`, `tcp`. */
import { invalid } from '../kernel/errors.ts';
import { parseAddr } from '../kernel/netip/index.ts';
import { protocolNumber } from '../policy/index.ts';

export interface AskedAccess {
  readonly src: string;
  /** With a port behind a colon, where the protocol has ports. */
  readonly dst: string;
  /** TCP unless said. */
  readonly proto?: string | undefined;
}

export interface AccessQuestion {
  readonly source: string;
  readonly target: string;
  readonly port: number;
  /** IP protocol number. */
  readonly protocol: number;
}

/** The protocols that people ask about, by name; rules name others too, and so may a question. */
export const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['icmp', 1],
  ['sctp', 132],
]);
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132]);
export const hasPorts = (protocol: number): boolean => WITH_PORTS.has(protocol);

const MAX_PORT = 65_535;
/** First words of names that go on behind a colon: what follows them is no port. */
const PREFIXES: ReadonlySet<string> = new Set([
  ...['resource', 'group', 'tag', 'autogroup', 'ipset', 'svc', 'service-account', 'user'],
]);

const unbracketed = (text: string): string => text.trim().replace(/^\[(.+)\]$/u, '$1');

interface Split {
  readonly host: string;
  readonly port: number;
}

/** `web:443`, `[fd7a::1]:443`: the port stands behind the last colon. Undefined for what has none. */
function split(text: string): Split | undefined {
  const match = /^(?:\[([^\]]*)\]|(.*)):(\d{1,5})$/su.exec(text);
  const host = (match?.[1] ?? match?.[2])?.trim();
  const port = Number(match?.[3]);
  return host === undefined || port > MAX_PORT || PREFIXES.has(host) ? undefined : { host, port };
}

function withPort(text: string): Split {
  const found = split(text);
  const isBare = parseAddr(text) !== undefined;
  if (isBare && found !== undefined && parseAddr(found.host) !== undefined) {
    throw invalid(
      `${text} may be an address, or one with a port: write [${text}]:443 or [${found.host}]:${found.port}`,
      'dst',
    );
  }
  if (found === undefined || (isBare && text.includes(':'))) {
    const example = isBare && text.includes(':') ? `[${text}]:443` : 'web:443';
    throw invalid(`${text} needs a port behind a colon, from 0 to ${MAX_PORT}, such as ${example}`, 'dst');
  }
  if (found.host === '')
    throw invalid(`${text} needs a name or address before the port, such as web:443`, 'dst');
  return found;
}

/** A port that is said all the same is not asked about. */
const withoutPort = (text: string): Split => ({
  host: (parseAddr(text) === undefined ? split(text)?.host : undefined) ?? unbracketed(text),
  port: 0,
});

/** Throws `invalid`, naming the field. */
export function accessQuestion({ src, dst, proto = 'tcp' }: AskedAccess): AccessQuestion {
  const protocol = PROTOCOLS.get(proto) ?? protocolNumber(proto);
  if (protocol === undefined) {
    const names = [...PROTOCOLS.keys()].join(', ');
    throw invalid(
      `${proto || 'an empty text'} is none of ${names}, and no other protocol that rules can name`,
      'proto',
    );
  }
  const source = unbracketed(src);
  if (source === '') throw invalid('it must say who asks: a device, user, group, tag or address', 'src');
  const text = dst.trim();
  if (text === '')
    throw invalid('it must say what is asked for: a device, tag, address or resource, and a port', 'dst');
  const { host, port } = hasPorts(protocol) ? withPort(text) : withoutPort(text);
  if (host === '') throw invalid(`${text} needs a name or address before the port, such as web:443`, 'dst');
  return { source, target: host, port, protocol };
}
