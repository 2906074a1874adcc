/**
 * Which connections hold which key. A key should have one; a copied state directory or a client that came back before its
 * old connection was known to be dead has more. The newest is the one that packets go to.
 */
import type { RelayClient } from './relay-client.ts';

const DUPLICATE =
  'This device is connected to the relay more than once with the same key: was its state copied to another machine?';
const HEALTHY = '';

export interface Registry {
  /** `key`: the 32 raw bytes, as latin1 text. */
  active(key: string): RelayClient | undefined;
  add(client: RelayClient): void;
  /** Tells those that exchanged packets with it, when no connection of the key is left. */
  remove(client: RelayClient): void;
  all(): Iterable<RelayClient>;
  readonly keys: number;
  readonly size: number;
}

export function createRegistry(): Registry {
  // Nearly every key has one connection, so that stands for itself.
  const holders = new Map<string, RelayClient | RelayClient[]>();
  const clients = new Set<RelayClient>();

  return {
    active: (key) => {
      const holder = holders.get(key);
      return Array.isArray(holder) ? holder.at(-1) : holder;
    },
    add: (client) => {
      clients.add(client);
      const holder = holders.get(client.key);
      if (holder === undefined) {
        holders.set(client.key, client);
        return;
      }
      const all = Array.isArray(holder) ? [...holder, client] : [holder, client];
      holders.set(client.key, all);
      for (const one of all) one.sendHealth(DUPLICATE);
    },
    remove: (client) => {
      if (!clients.delete(client)) return;
      const holder = holders.get(client.key);
      if (!Array.isArray(holder)) {
        holders.delete(client.key);
        for (const peer of client.exchanged) {
          peer.forget(client);
          peer.sendPeerGone(client.keyRaw, 'disconnected');
        }
        client.exchanged.clear();
        return;
      }
      const left = holder.filter((one) => one !== client);
      const [first] = left;
      if (left.length === 1 && first !== undefined) {
        holders.set(client.key, first);
        first.sendHealth(HEALTHY);
      } else holders.set(client.key, left);
      // Whoever is told nothing now must be told when the last one goes.
      const heir = left.at(-1);
      for (const peer of client.exchanged) {
        peer.forget(client);
        if (heir === undefined) continue;
        peer.exchanged.add(heir);
        heir.exchanged.add(peer);
      }
      client.exchanged.clear();
    },
    all: () => clients,
    get keys() {
      return holders.size;
    },
    get size() {
      return clients.size;
    },
  };
}
