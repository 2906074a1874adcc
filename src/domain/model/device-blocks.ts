/**
 * Where devices and services have their addresses. No route leads there: a device that carried a prefix among them would draw
 * to itself what others are sent, or be taken for one of them.
 */
import { type Prefix, parsePrefix, prefixCovers } from '../../kernel/netip/index.ts';

const prefixes = (...texts: readonly string[]): readonly Prefix[] =>
  texts.flatMap((text) => parsePrefix(text) ?? []);

const DEVICE_BLOCKS = prefixes('100.64.0.0/10', 'fd7a:115c:a1e0::/48');
/** IPv4 networks in IPv6 clothes, told apart by a number of their site: made for routes. */
const SITES = prefixes('fd7a:115c:a1e0:b1a::/64');

const lies = (prefix: Prefix, within: readonly Prefix[]): boolean =>
  within.some((block) => prefixCovers(block, prefix));

/** Wider prefixes are not: clients send what is for a device by the device's own address, which is narrower. */
export const isAmongDevices = (prefix: Prefix): boolean =>
  lies(prefix, DEVICE_BLOCKS) && !lies(prefix, SITES);
