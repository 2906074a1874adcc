/**
 * Addresses of plain WireGuard clients: a range of each family for every network, and one address of each for a client.
 *
 * The ranges are not from 100.64.0.0/10: the firewall of a gateway's own Tailscale client drops packets from there that did
 * not come through its tunnel. 198.18.0.0/15 (set apart for benchmarks) is next to never somebody's LAN. The IPv6 range is
 * under a prefix of unique local addresses, with the network's id in it.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import {
  type Addr,
  addr4,
  addr6,
  formatAddr,
  formatPrefix,
  masked,
  type Prefix,
  parsePrefix,
  prefixesOverlap,
  rangeOfPrefix,
} from '../../kernel/netip/index.ts';
import { removeEach } from '../directory/each-row.ts';
import type { Network } from '../model/networks.ts';
import type { Reader, Tx } from '../ports/store.ts';

const POOL4_START = 0xc612_0000;
const POOL4_BITS = 22;
/** How many ranges of that size 198.18.0.0/15 has. */
const POOL4_COUNT = 128;
const POOL6_START = 0xfd48_4f44_0000_0000n << 64n;
const POOL6_BITS = 64;
const POOL6_ID_BITS = 32n;

/** Bounds of ranges that somebody chooses: at least some addresses, and no more than a /8. */
const LONGEST4 = 29;
const SHORTEST4 = 8;
const LONGEST6 = 120;
const SHORTEST6 = 32;

/** Where devices have their addresses, and what is no range of hosts at all. */
const FORBIDDEN = [
  '100.64.0.0/10',
  'fd7a:115c:a1e0::/48',
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/8',
  'fe80::/10',
  'ff00::/8',
].flatMap((text) => parsePrefix(text) ?? []);

const MAX_CLIENTS = 100_000;
const MAX_NETWORKS = 10_000;

/** The gateways of a network have its first address on their side of the tunnels. */
const GATEWAY_HOST = 1;

export type Family = 4 | 6;

/** A range that somebody chose, in canonical form; throws `invalid` naming the field. */
export function checkPool(text: string, family: Family, field: string): string {
  const prefix = parsePrefix(text);
  const [shortest, longest] = family === 4 ? [SHORTEST4, LONGEST4] : [SHORTEST6, LONGEST6];
  if (prefix === undefined || prefix.addr.family !== family) {
    throw invalid(
      `${field} must be an IPv${family} range such as ${family === 4 ? '10.101.0.0/16' : 'fd00:1::/64'}`,
      field,
    );
  }
  if (prefix.bits < shortest || prefix.bits > longest) {
    throw invalid(`${field} must be a range between /${shortest} and /${longest}`, field);
  }
  const range = masked(prefix);
  const clash = FORBIDDEN.find((forbidden) => prefixesOverlap(forbidden, range));
  if (clash !== undefined) {
    throw invalid(
      `${field} must not overlap ${formatPrefix(clash)}, which is taken for other purposes`,
      field,
    );
  }
  return formatPrefix(range);
}

const overlapsAny = (text: string, others: readonly string[]): boolean => {
  const range = parsePrefix(text);
  return others.some((other) => {
    const prefix = parsePrefix(other);
    return range !== undefined && prefix !== undefined && prefixesOverlap(range, prefix);
  });
};

export interface Pools {
  readonly clientPool4: string;
  readonly clientPool6: string;
}

/** The ranges of a network: those chosen, else free ones. Errors: `invalid`, `taken` for a range of another network. */
export async function choosePools(
  tx: Reader,
  org: number,
  network: number,
  chosen: { readonly pool4?: string; readonly pool6?: string },
): Promise<Pools> {
  const others = (await tx.find('network', org, {}, MAX_NETWORKS)).filter(({ id }) => id !== network);
  const used = others
    .flatMap(({ clientPool4, clientPool6 }) => [clientPool4, clientPool6])
    .filter((pool) => pool !== null);
  // Ranges behind clients: a gateway's firewall takes no overlap, and the client would get what is sent to others.
  const behind = (await tx.find('extClient', org, {}, MAX_CLIENTS)).flatMap((one) => one.extraAllowedIps);
  for (const [field, pool] of [
    ['addressrange', chosen.pool4] as const,
    ['addressrange6', chosen.pool6] as const,
  ]) {
    if (pool !== undefined && overlapsAny(pool, used)) {
      throw new AppError('taken', `${field} overlaps the range of another network`, { field });
    }
    if (pool !== undefined && overlapsAny(pool, behind)) {
      throw new AppError('taken', `${field} overlaps a range behind a client`, { field });
    }
  }
  return {
    clientPool4: chosen.pool4 ?? freePool4([...used, ...behind]),
    clientPool6: chosen.pool6 ?? freePool6(network, [...used, ...behind]),
  };
}

function freePool4(used: readonly string[]): string {
  for (let number = 0; number < POOL4_COUNT; number += 1) {
    const pool = formatPrefix({
      addr: addr4(POOL4_START + number * 2 ** (32 - POOL4_BITS)),
      bits: POOL4_BITS,
    });
    if (!overlapsAny(pool, used)) return pool;
  }
  throw new AppError('conflict', 'no range of addresses is free: give the network an addressrange');
}

function freePool6(network: number, used: readonly string[]): string {
  for (let number = BigInt(network); ; number += 1n) {
    const subnet = number & ((1n << POOL6_ID_BITS) - 1n);
    const pool = formatPrefix({
      addr: addr6(POOL6_START + (subnet << BigInt(POOL6_BITS))),
      bits: POOL6_BITS,
    });
    if (!overlapsAny(pool, used)) return pool;
  }
}

/** The network with its ranges, which are given when they are first needed. */
export async function withPools(tx: Tx, network: Network): Promise<Network> {
  if (network.clientPool4 !== null && network.clientPool6 !== null) return network;
  const pools = await choosePools(tx, network.org, network.id, {
    ...(network.clientPool4 === null ? {} : { pool4: network.clientPool4 }),
    ...(network.clientPool6 === null ? {} : { pool6: network.clientPool6 }),
  });
  const after = await tx.update('network', network.org, network.id, pools);
  tx.audit(network.org, {
    verb: 'update',
    objectKind: 'network',
    objectId: network.id,
    objectName: network.name,
    network: network.id,
    field: 'clientPools',
    after: pools,
  });
  return after;
}

const hostOf = (pool: Prefix, host: number): Addr => {
  const range = rangeOfPrefix(pool);
  return range.family === 4 ? addr4(range.from + host) : addr6(range.from + BigInt(host));
};

/** How many hosts the smaller of both ranges has, without the first and last address of IPv4. */
function lastHost(pool4: Prefix, pool6: Prefix): number {
  const hosts4 = 2 ** (32 - pool4.bits) - 2;
  return Math.min(hosts4, 2 ** Math.min(128 - pool6.bits, 30) - 1);
}

function poolsOf({ clientPool4, clientPool6 }: Network): { readonly pool4: Prefix; readonly pool6: Prefix } {
  const pool4 = parsePrefix(clientPool4 ?? '');
  const pool6 = parsePrefix(clientPool6 ?? '');
  if (pool4 === undefined || pool6 === undefined) throw new Error('the network has no ranges of addresses');
  return { pool4, pool6 };
}

/** The addresses that a network's gateways have on the tunnels' side, with the length of their range. */
export function gatewayAddresses(network: Network): readonly string[] {
  if (network.clientPool4 === null || network.clientPool6 === null) return [];
  const { pool4, pool6 } = poolsOf(network);
  return [pool4, pool6].map((pool) => formatPrefix({ addr: hostOf(pool, GATEWAY_HOST), bits: pool.bits }));
}

/** Hosts that are looked at in one question. */
const WINDOW = 64;

/**
 * Gives a client a free address of each range, the same host in both. `hint`: about how many clients the network has, so
 * that the search begins where the free ones begin. Errors: `conflict` when none is free.
 */
export async function giveAddresses(tx: Tx, network: Network, client: number, hint: number): Promise<void> {
  const { org } = network;
  const { pool4, pool6 } = poolsOf(network);
  const first = GATEWAY_HOST + 1;
  const count = lastHost(pool4, pool6) - first + 1;
  const pairOf = (host: number): readonly [string, string] => [
    formatAddr(hostOf(pool4, host)),
    formatAddr(hostOf(pool6, host)),
  ];
  for (let done = 0; done < count; done += WINDOW) {
    const hosts = Array.from(
      { length: Math.min(WINDOW, count - done) },
      (_, index) => first + ((hint + done + index) % count),
    );
    const pairs = hosts.map(pairOf);
    const taken = new Set((await tx.find('address', org, { ip: pairs.flat() })).map(({ ip }) => ip));
    const free = pairs.find((pair) => !pair.some((ip) => taken.has(ip)));
    if (free === undefined) continue;
    const [ip4, ip6] = free;
    await tx.insertAll('address', [
      { org, ip: ip4, family: 4, holderKind: 'ext-client', holder: client, claim: null },
      { org, ip: ip6, family: 6, holderKind: 'ext-client', holder: client, claim: null },
    ]);
    return;
  }
  throw new AppError('conflict', 'no address is free in the range of the network');
}

export async function freeAddresses(tx: Tx, org: number, client: number): Promise<void> {
  await removeEach(tx, 'address', org, {
    holderKind: 'ext-client',
    holder: client,
    claim: null,
  });
}
