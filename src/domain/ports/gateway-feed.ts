/** What a gateway's agent has to hold, live: its plain clients, and what each may reach. */
import type { ExtClient } from '../model/networks.ts';

/** One destination that a client may reach. */
export interface ClientRule {
  /** An address, a prefix, or `first-last`. */
  readonly to: string;
  /** IP protocol numbers; undefined: TCP, UDP and ICMP. */
  readonly protocols: readonly number[] | undefined;
  readonly ports: { readonly first: number; readonly last: number };
}

export interface GatewayPeer {
  readonly client: ExtClient;
  /** The addresses that are the client's, as prefixes, and those behind it. */
  readonly allowedIps: readonly string[];
  readonly rules: readonly ClientRule[];
}

export interface GatewayMessage {
  /** The first message holds everything; later ones what became different. */
  readonly kind: 'state' | 'change';
  /** The gateway's own addresses on its tunnels' side, with the length of their ranges; empty while there are none. */
  readonly addresses: readonly string[];
  readonly set: readonly GatewayPeer[];
  /** Ids of clients that are gone or may not connect now. */
  readonly removed: readonly number[];
}

export interface GatewayFollower {
  readonly message: (message: GatewayMessage) => void;
  /** Nothing follows any more: the gateway or the credential is gone, or the server lets go. Come again. */
  readonly end: () => void;
}

export interface GatewayFeed {
  /** Undefined when there is no such gateway. `credential`: its end ends the following. */
  follow(
    gateway: { readonly org: number; readonly id: number; readonly credential: number },
    follower: GatewayFollower,
  ): Promise<(() => void) | undefined>;
}
