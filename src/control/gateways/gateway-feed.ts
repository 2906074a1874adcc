/** Keeps the agents of gateways told of their plain clients: everything at first, then each client that became different. */
import { gatewayAddresses } from '../../domain/ext-clients/client-pools.ts';
import { isActiveClient } from '../../domain/ext-clients/ext-client-reads.ts';
import type { ExtClient, Gateway } from '../../domain/model/networks.ts';
import { isBound } from '../../domain/networks/gateway-binding.ts';
import type { GatewayFeed, GatewayFollower, GatewayPeer } from '../../domain/ports/gateway-feed.ts';
import type { Change } from '../../domain/ports/store.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { ClientAccess } from '../../effective-policy/client-access.ts';
import type { OrganizationHub } from '../map/organization-hub.ts';

/** Changes are gathered for so long before they are told. */
const GATHER_MS = 10;

export interface GatewayFeedParts {
  /** The live side of an organization; undefined when there is none of that id. */
  readonly hub: (org: number) => Promise<OrganizationHub | undefined>;
  readonly onError: (error: unknown) => void;
}

export const createGatewayFeed = ({ hub: hubOf, onError }: GatewayFeedParts): GatewayFeed => ({
  follow: async ({ org, id, credential }, follower) => {
    const hub = await hubOf(org);
    if (hub === undefined || !hub.snapshot.table('gateway').has(String(id))) return undefined;
    return followGateway(hub, id, credential, follower, onError);
  },
});

interface Told {
  readonly text: string;
}

function followGateway(
  { snapshot, clients: access, watch }: OrganizationHub,
  id: number,
  credential: number,
  follower: GatewayFollower,
  onError: (error: unknown) => void,
): () => void {
  const own = new Set<number>();
  const told = new Map<number, Told>();
  let dirty = new Set<number>();
  let filter: object | undefined;
  let addresses = '';
  let timer: NodeJS.Timeout | undefined;

  const gateway = (): Gateway | undefined => snapshot.table('gateway').get(String(id));
  const clientRow = (client: number): ExtClient | undefined => {
    const row = snapshot.table('extClient').get(String(client));
    return row?.gateway === id ? row : undefined;
  };
  const addressesNow = (): readonly string[] => {
    const network = snapshot.table('network').get(String(gateway()?.network));
    return network === undefined ? [] : gatewayAddresses(network);
  };

  /** What cannot be told ends the following: half of a change must not stand. */
  const tell = (kind: 'state' | 'change'): void => {
    timer = undefined;
    try {
      tellNow(kind);
    } catch (error) {
      onError(error);
      end();
    }
  };

  const tellNow = (kind: 'state' | 'change'): void => {
    const row = gateway();
    if (row === undefined) {
      end();
      return;
    }
    const device = isBound(row) ? (row.device ?? undefined) : undefined;
    const present = device === undefined ? undefined : access.filterOf(device);
    if (present !== filter) for (const client of own) dirty.add(client);
    filter = present;
    const set: GatewayPeer[] = [];
    const removed: number[] = [];
    for (const client of dirty) {
      const peer = device === undefined ? undefined : peerOf(snapshot, access, device, clientRow(client));
      if (clientRow(client) === undefined) own.delete(client);
      const text =
        peer &&
        JSON.stringify([peer.client.publicKey, peer.client.presharedKeySealed, peer.allowedIps, peer.rules]);
      if (text === told.get(client)?.text) continue;
      if (peer === undefined || text === undefined) {
        told.delete(client);
        removed.push(client);
      } else {
        told.set(client, { text });
        set.push(peer);
      }
    }
    dirty = new Set();
    const now = addressesNow();
    const moved = now.join() !== addresses;
    addresses = now.join();
    if (kind === 'state' || moved || set.length + removed.length > 0) {
      follower.message({ kind, addresses: now, set, removed });
    }
  };

  /** Notes what the changes may have made different. */
  const note = (changes: readonly Change[]): void => {
    for (const { kind, key, before, after } of changes) {
      if (kind === 'extClient') {
        const client = Number(key);
        if (clientRow(client) !== undefined) own.add(client);
        if (own.has(client)) dirty.add(client);
      } else if (kind === 'address') {
        const row = after ?? before;
        if (row?.holderKind === 'ext-client' && own.has(row.holder)) dirty.add(row.holder);
      } else if (kind === 'membership') {
        const member = Number(key);
        for (const client of own) if (clientRow(client)?.owner === member) dirty.add(client);
      } else if (kind === 'gateway' && Number(key) === id) {
        for (const client of own) dirty.add(client);
      }
    }
  };

  const stop = watch({
    applied: (changes) => {
      if (changes.some(({ kind, key }) => kind === 'credential' && Number(key) === credential)) return end();
      note(changes);
      timer ??= setTimeout(tell, GATHER_MS, 'change');
    },
    ended: () => end(),
  });
  const close = (): void => {
    clearTimeout(timer);
    stop();
  };
  const end = (): void => {
    close();
    follower.end();
  };

  for (const client of snapshot.table('extClient').values()) if (client.gateway === id) own.add(client.id);
  dirty = new Set(own);
  tell('state');
  return close;
}

/** Undefined for a client that may not connect now. */
function peerOf(
  snapshot: Snapshot,
  access: ClientAccess,
  device: number,
  client: ExtClient | undefined,
): GatewayPeer | undefined {
  if (client === undefined) return undefined;
  const owner = client.ownerKind === 'membership' ? snapshot.memberships.get(client.owner) : undefined;
  const addresses = snapshot.clientAddresses(client.id);
  if (!isActiveClient(client, owner) || addresses.length === 0) return undefined;
  const own = addresses.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`);
  return {
    client,
    allowedIps: [...own, ...client.extraAllowedIps],
    rules: access.rules(device, addresses),
  };
}
