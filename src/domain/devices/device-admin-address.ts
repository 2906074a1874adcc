/** An IPv4 address that an administrator gives to a device. */
import { invalid } from '../../kernel/errors.ts';
import { formatAddr, parseAddr, parsePrefix, prefixContains } from '../../kernel/netip/index.ts';
import type { Device } from '../model/devices.ts';

const prefix = (text: string) => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`${text} is no prefix`);
  return parsed;
};

const POOL = prefix('100.64.0.0/10');
/** Only for devices that the policy file's wildcards leave out: an address decides which of the two a device is. */
const EDGE_ONLY = prefix('100.127.0.0/16');
/** The resolver that clients build in, ChromeOS' own range, and the greeting service. */
const RESERVED = ['100.100.0.0/24', '100.100.100.0/24', '100.115.92.0/23', '100.101.102.103/32'].map(prefix);

/** The canonical text. Errors: `invalid`. */
export function checkDeviceAddress(text: string, deviceClass: Device['class']): string {
  const address = parseAddr(text);
  if (address === undefined || address.family !== 4) {
    throw invalid(`bad IPv4 address: "${text}" is not an IPv4 address`, 'ipv4');
  }
  if (!prefixContains(POOL, address)) {
    throw invalid('bad IPv4 address: address is outside 100.64.0.0/10', 'ipv4');
  }
  if (RESERVED.some((range) => prefixContains(range, address))) {
    throw invalid('bad IPv4 address: address is reserved for use by Tailscale', 'ipv4');
  }
  if (prefixContains(EDGE_ONLY, address) !== (deviceClass === 'edge-only')) {
    throw invalid('bad IPv4 address: address is reserved for another kind of device', 'ipv4');
  }
  return formatAddr(address);
}
