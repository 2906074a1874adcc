/**
 * The WireGuard interface of a gateway: the kernel's where it has the module, else wireguard-go's. It outlives a crash of the
 * agent, so that clients stay connected, and is taken over by the next run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './messages.ts';
import { filterText, removalText } from './packet-filter.ts';
import type { RunCommand } from './run-command.ts';

export interface TunnelOptions {
  readonly interface: string;
  readonly deviceInterface: string;
  readonly listenPort: number;
  readonly mtu: number;
  /** With the private key in it. */
  readonly keyFile: string;
  /** For files that hold secrets while a command reads them. */
  readonly directory: string;
}

/** What the interface has seen of one peer. */
export interface PeerSample {
  readonly publicKey: string;
  readonly endpoint: string;
  /** Milliseconds since 1970, or null: never. */
  readonly lastHandshake: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface Tunnel {
  /** Which implementation carries it. */
  readonly kind: 'kernel' | 'wireguard-go';
  /** Brings addresses, peers and firewall to this state. What a client loses, it loses before others gain. */
  apply(state: {
    readonly addresses: readonly string[];
    readonly clients: ReadonlyMap<number, Client>;
  }): Promise<void>;
  samples(): Promise<readonly PeerSample[]>;
  /** Removes whatever was made. */
  close(): Promise<void>;
}

const PRIVATE = 0o600;
const POLL_MS = 20;
const START_TRIES = 250;
const FORWARDING = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];
const SECOND_MS = 1_000;
const DUMP_PEER_FIELDS = 8;

async function exists(run: RunCommand, name: string): Promise<boolean> {
  return run('wg', ['show', name, 'public-key']).then(
    () => true,
    () => false,
  );
}

async function create(run: RunCommand, name: string): Promise<Tunnel['kind']> {
  const isKernel = async (): Promise<boolean> =>
    (await run('ip', ['-details', 'link', 'show', 'dev', name])).includes('wireguard');
  if (await exists(run, name)) return (await isKernel()) ? 'kernel' : 'wireguard-go';
  try {
    await run('ip', ['link', 'add', 'dev', name, 'type', 'wireguard']);
    return 'kernel';
  } catch (error) {
    // A kernel without the module; anything else (no rights, a name in use) wireguard-go reports as well.
    await run('wireguard-go', [name]).catch((other: unknown) => {
      throw new Error(`no WireGuard interface can be made: ${messageOf(error)}; ${messageOf(other)}`);
    });
  }
  for (let attempt = 0; attempt < START_TRIES; attempt += 1) {
    if (await exists(run, name)) return 'wireguard-go';
    await sleep(POLL_MS);
  }
  throw new Error(`wireguard-go did not bring up ${name}`);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Lets the machine forward packets; returns how to undo what was changed. */
function enableForwarding(): () => void {
  const changed: string[] = [];
  for (const file of FORWARDING) {
    try {
      if (readFileSync(file, 'utf8').trim() !== '0') continue;
      writeFileSync(file, '1');
      changed.push(file);
    } catch {
      // A machine without IPv6 has nothing to forward of it.
    }
  }
  return () => {
    for (const file of changed) writeFileSync(file, '0');
  };
}

const peerSection = ({ public_key, preshared_key, allowed_ips }: Client): string =>
  [
    '[Peer]',
    `PublicKey = ${public_key}`,
    ...(preshared_key === null ? [] : [`PresharedKey = ${preshared_key}`]),
    `AllowedIPs = ${allowed_ips.join(', ')}`,
    '',
  ].join('\n');

/** Makes the interface, or takes over the one that an earlier run left. */
export async function openTunnel(run: RunCommand, options: TunnelOptions): Promise<Tunnel> {
  const found = await exists(run, options.interface);
  try {
    return await open(run, options, found);
  } catch (error) {
    // What cannot be brought up whole is not left half made.
    if (!found) await remove(run, options.interface).catch(() => undefined);
    throw error;
  }
}

async function remove(run: RunCommand, name: string): Promise<void> {
  // The interface first: nothing may pass unjudged.
  if (await exists(run, name)) await run('ip', ['link', 'delete', 'dev', name]);
  await run('nft', ['-f', '-'], removalText);
}

async function open(run: RunCommand, options: TunnelOptions, found: boolean): Promise<Tunnel> {
  const { interface: name, deviceInterface, listenPort, mtu, keyFile, directory } = options;
  const filter = (clients: Iterable<Client>): Promise<string> =>
    run('nft', ['-f', '-'], filterText({ interface: name, deviceInterface, clients }));
  // Closed before it is open. One that is taken over keeps the rules that it has until the server has spoken.
  if (!found) await filter([]);
  const kind = await create(run, name);
  await run('wg', ['set', name, 'private-key', keyFile, 'listen-port', String(listenPort)]);
  await run('ip', ['link', 'set', 'dev', name, 'mtu', String(mtu), 'up']);
  const restoreForwarding = enableForwarding();
  const privateKey = readFileSync(keyFile, 'utf8').trim();
  const configFile = path.join(directory, `${name}.peers`);
  let routes = new Set<string>();
  let addresses = '';

  const setPeers = async (clients: Iterable<Client>): Promise<void> => {
    const text = `[Interface]\nPrivateKey = ${privateKey}\nListenPort = ${listenPort}\n\n${[...clients].map(peerSection).join('\n')}`;
    await writeFile(configFile, text, { mode: PRIVATE });
    try {
      await run('wg', ['syncconf', name, configFile]);
    } finally {
      await rm(configFile, { force: true });
    }
  };

  const setAddresses = async (wanted: readonly string[]): Promise<void> => {
    if (wanted.join() === addresses) return;
    await run('ip', ['address', 'flush', 'dev', name, 'scope', 'global']);
    for (const address of wanted) await run('ip', ['address', 'replace', address, 'dev', name]);
    addresses = wanted.join();
    routes = new Set();
  };

  /** Prefixes behind clients; the clients' own addresses are in the interface's range. */
  const setRoutes = async (clients: Iterable<Client>): Promise<void> => {
    const wanted = new Set(
      [...clients].flatMap(({ allowed_ips }) => allowed_ips.filter((prefix) => !isHost(prefix))),
    );
    const family = (prefix: string): string => (prefix.includes(':') ? '-6' : '-4');
    for (const prefix of routes) {
      if (!wanted.has(prefix)) await run('ip', [family(prefix), 'route', 'del', prefix, 'dev', name]);
    }
    for (const prefix of wanted) {
      if (!routes.has(prefix)) await run('ip', [family(prefix), 'route', 'replace', prefix, 'dev', name]);
    }
    routes = wanted;
  };

  return {
    kind,
    apply: async (state) => {
      await filter(state.clients.values());
      await setPeers(state.clients.values());
      await setAddresses(state.addresses);
      await setRoutes(state.clients.values());
    },
    samples: async () => {
      const [, ...lines] = (await run('wg', ['show', name, 'dump'])).trim().split('\n');
      return lines.flatMap((line): PeerSample[] => {
        const fields = line.split('\t');
        if (fields.length < DUMP_PEER_FIELDS) return [];
        const [publicKey = '', , endpoint = '', , handshake, received, sent] = fields;
        const seconds = Number(handshake);
        return [
          {
            publicKey,
            endpoint: endpoint === '(none)' ? '' : endpoint,
            lastHandshake: seconds === 0 ? null : seconds * SECOND_MS,
            receivedBytes: Number(received),
            sentBytes: Number(sent),
          },
        ];
      });
    },
    close: async () => {
      await remove(run, name);
      restoreForwarding();
    },
  };
}

const isHost = (prefix: string): boolean => prefix.endsWith(prefix.includes(':') ? '/128' : '/32');
