/**
 * Resources that are names. A network's gateways resolve them, as app connectors do: they answer the DNS questions of those
 * who have access, and say which addresses each name has. What of that becomes a route is decided here.
 */
import { parseAddr, parsePrefix, setContains, setOfPrefixes } from '../../kernel/netip/index.ts';
import type { Resource } from '../model/networks.ts';

type Named = Pick<Resource, 'addressKind' | 'addressText'>;

export const normalName = (text: string): string => text.trim().toLowerCase().replace(/\.$/u, '');

export const isPatternName = (text: string): boolean => /[*?]/u.test(text);

/**
 * What a gateway is told to resolve: the name itself, or `*.` and the part behind the last label with a `*` or `?`. Undefined
 * for what is no name, and for patterns whose end is open: no client can tell whom to ask for those.
 */
export function connectorDomain({ addressKind, addressText }: Named): string | undefined {
  if (addressKind !== 'dns') return undefined;
  const labels = normalName(addressText).split('.');
  const last = labels.findLastIndex(isPatternName);
  if (last < 0) return labels.join('.');
  const suffix = labels.slice(last + 1);
  return suffix.length === 0 ? undefined : `*.${suffix.join('.')}`;
}

/** The names that a client asks the gateways for: this one and all below it. */
export const dnsSuffix = (domain: string): string => domain.replace(/^\*\./u, '');

/** Whether a name is the resource's: equal to it, or fits its pattern (`*` is any characters, `?` one). */
export const isNamed = (resource: Named, name: string): boolean => nameTest(resource)(name);

/** The same for many names: most of them are told from the end of the pattern. */
export function nameTest({ addressKind, addressText }: Named): (name: string) => boolean {
  if (addressKind !== 'dns') return () => false;
  const own = normalName(addressText);
  if (!isPatternName(own)) return (name) => own === name;
  const end = own.slice(Math.max(own.lastIndexOf('*'), own.lastIndexOf('?')) + 1);
  return (name) => name.endsWith(end) && fits(own, name);
}

/**
 * Not as a regular expression: gateways say the names, and one that is made for a pattern of many stars would keep the
 * program busy for hours. Here each star is tried once for each character at most.
 */
function fits(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let tried = 0;
  for (let i = 0; i < name.length; ) {
    if (pattern[at] === '*') {
      star = at;
      tried = i;
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[i])) {
      at += 1;
      i += 1;
    } else if (star >= 0) {
      // Only the last star needs to take more: what stands before it fits already.
      tried += 1;
      i = tried;
      at = star + 1;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/**
 * Where no name leads, whatever a gateway says: this host, the network's own devices, link-local and multicast addresses, and
 * IPv4 addresses in the clothes of IPv6. A gateway could otherwise draw the traffic of other devices to itself.
 */
const NEVER = setOfPrefixes(
  [
    '0.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '224.0.0.0/3',
    '::/96',
    '::ffff:0:0/96',
    'fd7a:115c:a1e0::/48',
    'fe80::/10',
    'ff00::/8',
  ]
    .map(parsePrefix)
    .filter((prefix) => prefix !== undefined),
);

export function isResolvable(text: string): boolean {
  const addr = parseAddr(text);
  return addr !== undefined && !setContains(NEVER, addr);
}
