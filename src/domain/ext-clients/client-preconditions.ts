/** What must be so in the database before an external client is written. Asked inside of the write. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { parsePrefix, prefixesOverlap } from '../../kernel/netip/index.ts';
import type { Actor } from '../access/actor.ts';
import { requireRow } from '../directory/missing.ts';
import type { ExtClient, Gateway, Network } from '../model/networks.ts';
import { isBound } from '../networks/gateway-binding.ts';
import { reachOf } from '../networks/network-reach.ts';
import type { Tx } from '../ports/store.ts';
import { clientMissing, mayRead } from './client-access.ts';

const MAX_SCANNED = 100_000;

/** A client that the actor may know of; `everybodys`: any of the organization. */
export async function requireClient(
  tx: Tx,
  actor: Actor,
  id: number,
  everybodys: boolean,
): Promise<ExtClient> {
  const client = await tx.get('extClient', actor.org, id);
  if (client === undefined || !(everybodys || mayRead(actor, client))) throw clientMissing();
  return client;
}

/** A gateway with a device, unless `unbound` is let through as well, and its network. */
export async function requireGateway(
  tx: Tx,
  org: number,
  id: number,
  { unbound = false }: { readonly unbound?: boolean } = {},
): Promise<{ readonly gateway: Gateway; readonly network: Network }> {
  const gateway = await tx.get('gateway', org, id);
  if (gateway === undefined || !(unbound || isBound(gateway)))
    throw new AppError('not_found', 'gateway not found');
  return { gateway, network: await requireRow(tx, 'network', org, gateway.network) };
}

/** Somebody without any access there has no use for a client, and takes no addresses. */
export async function requireReach(tx: Tx, actor: Actor, network: Network): Promise<void> {
  const member =
    actor.kind === 'member' ? await tx.get('membership', actor.org, actor.membership) : undefined;
  if (member === undefined || !(await reachOf(tx, member, tx.now)).reaches(network.id)) {
    throw new AppError('forbidden', 'access denied');
  }
}

/** Neither another client nor a gateway has it. */
export async function requireFreeKey(tx: Tx, org: number, publicKey: string): Promise<void> {
  const [holder] = await tx.find('extClient', org, { publicKey }, 1);
  const gateways = await tx.find('gatewayAgent', org, { publicKey }, 1);
  if (holder !== undefined || gateways.length > 0) {
    throw new AppError('taken', 'the public key is in use', { field: 'publickey' });
  }
}

/** Prefixes of a client belong to nobody else: no network's range, no resource, no other client. */
export async function requireFreePrefixes(
  tx: Tx,
  org: number,
  prefixes: readonly string[],
  own: number | undefined,
): Promise<void> {
  if (prefixes.length === 0) return;
  const networks = await tx.find('network', org, {}, MAX_SCANNED);
  const resources = await tx.find('resource', org, { addressKind: ['ip', 'cidr'] }, MAX_SCANNED);
  const clients = await tx.find('extClient', org, {}, MAX_SCANNED);
  const taken = [
    ...networks.flatMap(({ clientPool4, clientPool6 }) => [clientPool4, clientPool6]),
    ...resources.map(({ addressText, addressKind, lowAddress }) =>
      addressKind === 'cidr' ? addressText : `${lowAddress}/${lowAddress?.includes(':') ? 128 : 32}`,
    ),
    ...clients.filter(({ id }) => id !== own).flatMap(({ extraAllowedIps }) => extraAllowedIps),
  ].flatMap((text) => parsePrefix(text ?? '') ?? []);
  for (const text of prefixes) {
    const range = parsePrefix(text);
    if (range !== undefined && taken.some((other) => prefixesOverlap(other, range))) {
      throw invalid(`extraallowedips: ${text} is in use already`, 'extraallowedips');
    }
  }
}
