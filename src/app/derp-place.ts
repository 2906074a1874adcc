/** Where the embedded relay listens, and at which address devices are told to find it. */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ServeConfig } from '../config/config.ts';
import type { HostPort } from '../config/values.ts';

const DEFAULT_STUN_PORT = 3478;
const MAX_PORT = 65_535;
const HTTPS_PORT = 443;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu;

type PlaceConfig = Pick<ServeConfig, 'listen' | 'publicUrl' | 'tls' | 'derpListen' | 'stun'>;

export interface RelayListening {
  /** Undefined: the relay is reached on the server's own origin, as that speaks TLS, by itself or behind a proxy. */
  readonly own: HostPort | undefined;
  /** Where to answer STUN, the first place that is free. */
  readonly stun: readonly HostPort[];
  /** Whether an operator said so, and would rather hear that it cannot be had. */
  readonly ownIsAsked: boolean;
  readonly stunIsAsked: boolean;
}

/** Clients speak TLS to a relay, whatever the server's own origin speaks. */
export function relayListening({ listen, publicUrl, tls, derpListen, stun }: PlaceConfig): RelayListening {
  const hasTls = tls !== undefined || publicUrl?.startsWith('https:') === true;
  const own = derpListen ?? (hasTls ? undefined : { host: listen.host, port: portAfter(listen.port) });
  const { host, port } = own ?? listen;
  return {
    own,
    stun:
      stun === undefined
        ? [
            { host, port: DEFAULT_STUN_PORT },
            { host, port },
          ]
        : [stun],
    ownIsAsked: derpListen !== undefined,
    stunIsAsked: stun !== undefined,
  };
}

/** Port 0, which asks for any, stays that. */
const portAfter = (port: number): number => (port === 0 ? 0 : port < MAX_PORT ? port + 1 : port - 1);

export interface RelayAddressParts {
  readonly config: Pick<ServeConfig, 'listen' | 'publicUrl' | 'derpListen'>;
  /** A name in the server's certificate, where it has one of the operator's. */
  readonly certificateName: string | undefined;
  /** The server's address as the device reached it. */
  readonly localAddress: string;
  readonly interfaces?: () => ReturnType<typeof networkInterfaces>;
}

/** What devices are told: a name or an address. */
export function relayAddress(parts: RelayAddressParts): string {
  const { config, certificateName, localAddress, interfaces = networkInterfaces } = parts;
  if (config.publicUrl !== undefined) return unbracketed(new URL(config.publicUrl).hostname);
  if (certificateName !== undefined) return certificateName;
  const { host } = config.derpListen ?? config.listen;
  if (!isWildcard(host)) return host;
  const reached = MAPPED_IPV4.exec(localAddress)?.[1] ?? localAddress;
  if (isIPv4(reached) || isIPv6(reached)) return reached;
  return primaryAddress(interfaces()) ?? '127.0.0.1';
}

/** The port under which devices reach the relay on the server's own origin. */
export function originPort(publicUrl: string | undefined, listenPort: number): number {
  if (publicUrl === undefined) return listenPort;
  const { port } = new URL(publicUrl);
  return port === '' ? HTTPS_PORT : Number(port);
}

const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/u, '$1');

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

function primaryAddress(interfaces: ReturnType<typeof networkInterfaces>): string | undefined {
  const addresses = Object.values(interfaces).flatMap((list) => list ?? []);
  const outside = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}
