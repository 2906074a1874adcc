import {
  type Addr,
  formatRange,
  formatSet,
  type IpSet,
  parsePrefix,
  type Range,
  rangesOf,
  setContains,
  setOfPrefixes,
  subtractSets,
} from '../kernel/netip/index.ts';

const setOf = (...texts: string[]): IpSet =>
  setOfPrefixes(texts.map(parsePrefix).filter((prefix) => prefix !== undefined));

/** Where devices have their addresses. */
const TAILNET_V4 = setOf('100.64.0.0/10');
const TAILNET_V6 = setOf('fd7a:115c:a1e0::/48');

const LOCAL = setOf(
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '224.0.0.0/4'],
  ...['fe80::/10', 'ff00::/8'],
);

/**
 * Whether clients that are exit nodes refuse packets to an address, whatever their filter says: to devices, and to networks of
 * their own or nobody's, which have to be routed by a prefix of theirs.
 */
export const isWithheldByExits = (addr: Addr): boolean =>
  [TAILNET_V4, TAILNET_V6, LOCAL].some((set) => setContains(set, addr));

/** What `*` stands for as a source: every device address but the block that one platform's containers use. */
export const ALL_DEVICES: IpSet = {
  v4: subtractSets(TAILNET_V4, setOf('100.115.92.0/23')).v4,
  v6: TAILNET_V6.v6,
};

/** As a filter begins to list it. */
export const [FIRST_DEVICE_RANGE = ''] = formatSet(ALL_DEVICES);

/** The public internet as autogroup:internet means it. */
export const INTERNET: IpSet = {
  v4: subtractSets(
    setOf('0.0.0.0/0'),
    setOf('10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'),
  ).v4,
  v6: setOf('2000::/3').v6,
};

/** As it is listed among other prefixes and ranges. */
export const INTERNET_RANGES: readonly string[] = formatSet(INTERNET);

/** The service spells the internet as plain ranges, even where one is an exact prefix. */
const spellAsRange = (range: Range): string => {
  const whole = formatRange(range);
  if (!whole.includes('/')) return whole;
  const from = formatRange(range.family === 4 ? { ...range, to: range.from } : { ...range, to: range.from });
  const to = formatRange(range.family === 4 ? { ...range, from: range.to } : { ...range, from: range.to });
  return `${from}-${to}`;
};

export const INTERNET_TEXTS: readonly string[] = [...rangesOf(INTERNET)].map(spellAsRange);
