/**
 * Strict IP addresses, prefixes and sets of addresses.
 *
 *   parseAddr, parsePrefix, parseAddrOrPrefix (text) -> value or undefined; accept exactly what Go's netip accepts,
 *                                                       zones excepted
 *   formatAddr, formatPrefix, formatSet              -> canonical text
 *   IpSet: setOf…, unionSets, intersectSets, subtractSets, setContains, setOverlaps…, setCovers, prefixesOf
 */
export {
  type Addr,
  type Addr4,
  type Addr6,
  addr4,
  addr6,
  compareAddr,
  formatAddr,
  is4In6,
  parseAddr,
  unmap,
} from './addr.ts';
export {
  complementSet,
  EMPTY_SET,
  equalSets,
  FULL_SET,
  formatRange,
  formatSet,
  type IpSet,
  intersectSets,
  isEmptySet,
  prefixesOf,
  rangesOf,
  setContains,
  setCovers,
  setOfAddrs,
  setOfPrefix,
  setOfPrefixes,
  setOfRanges,
  setOverlapsPrefix,
  setOverlapsRange,
  setsOverlap,
  subtractSets,
  unionSets,
} from './ip-set.ts';
export { type IpSetStep, setOfSteps } from './ip-steps.ts';
export {
  comparePrefix,
  formatPrefix,
  hostPrefix,
  isDefaultRoute,
  isSingleAddr,
  masked,
  type Prefix,
  parseAddrOrPrefix,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixesOverlap,
  type Range,
  rangeOfAddr,
  rangeOfPrefix,
} from './prefix.ts';
