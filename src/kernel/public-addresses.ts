/**
 * Where an address that somebody wrote down may lead (a webhook, an identity provider). Whoever may write one must not
 * reach, through this server, what only the server can: its own host, its network, the cloud's metadata. The addresses that
 * a name resolves to decide, not the name.
 */
import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** IANA's special-purpose registries for IPv4 and IPv6: everything that is not globally reachable, and multicast. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Looks public, and is a cloud's own: Azure answers its machines there.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv4');
}
/** Of IPv6 only this is globally reachable unicast; in it stand blocks that lead elsewhere. */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 and 3fff::/20: addresses of IPv4 in disguise, and documentation.
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, 'ipv6');
}

export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !NOT_PUBLIC.check(address, 'ipv4');
  if (family !== 6) return false;
  return GLOBAL_UNICAST.check(address, 'ipv6') && !NOT_PUBLIC.check(address, 'ipv6');
}

class PrivateTarget extends Error {
  constructor(host: string) {
    super(`${host} is a private address or resolves to one: private targets are not allowed`);
    this.name = 'PrivateTarget';
  }
}

/**
 * Refuses a URL whose host is written as an address that is not public: such a one is never looked up, so that the guard of
 * look-ups does not see it. The URL's own parser has put every spelling of an address into one form.
 * Errors: `PrivateTarget`.
 */
export function requirePublicLiteral({ hostname }: URL): void {
  const host = hostname.replace(/^\[(.*)\]$/u, '$1');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new PrivateTarget(host);
}

/** The system's resolution without what is not public: the very addresses that are then connected to. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, '', 0);
      return;
    }
    const allowed = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = allowed;
    if (first === undefined) callback(new PrivateTarget(hostname), '', 0);
    else if (options.all === true) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
};
