/** The configuration of a client in the form of wg-quick(8). */
import { formatHostPort } from './host-port.ts';

export interface WireGuardConfig {
  readonly addresses: readonly string[];
  readonly privateKey: string;
  readonly mtu: number;
  /** Separated by commas; '' leaves the client's resolvers alone. */
  readonly dns: string;
  /** Commands of the client's own; '' for none. */
  readonly hooks: { readonly postUp: string; readonly postDown: string };
  readonly peer: {
    readonly publicKey: string;
    readonly presharedKey: string | undefined;
    readonly allowedIps: readonly string[];
    readonly endpoint: string;
    readonly port: number;
    /** Seconds; 0: none. */
    readonly keepalive: number;
  };
}

const hostPrefix = (ip: string): string => `${ip}/${ip.includes(':') ? 128 : 32}`;

export function wireGuardConfig({ addresses, privateKey, mtu, dns, hooks, peer }: WireGuardConfig): string {
  return [
    '[Interface]',
    `Address = ${addresses.map(hostPrefix).join(',')}`,
    `PrivateKey = ${privateKey}`,
    `MTU = ${mtu}`,
    ...(dns === '' ? [] : [`DNS = ${dns}`]),
    ...(hooks.postUp === '' ? [] : [`PostUp = ${hooks.postUp}`]),
    ...(hooks.postDown === '' ? [] : [`PostDown = ${hooks.postDown}`]),
    '',
    '[Peer]',
    `PublicKey = ${peer.publicKey}`,
    ...(peer.presharedKey === undefined ? [] : [`PresharedKey = ${peer.presharedKey}`]),
    `AllowedIPs = ${peer.allowedIps.join(',')}`,
    `Endpoint = ${formatHostPort(peer.endpoint, peer.port)}`,
    ...(peer.keepalive === 0 ? [] : [`PersistentKeepalive = ${peer.keepalive}`]),
    '',
  ].join('\n');
}
