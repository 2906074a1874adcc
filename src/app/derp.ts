/** The embedded relay of this process: its listeners, and the map that tells devices of it. */
import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { ServeConfig } from '../config/config.ts';
import { formatHostPort, type HostPort } from '../config/values.ts';
import {
  type Admission,
  certificatePin,
  createAdmission,
  createRelayServer,
  derpMapOf,
  handleRelayRequest,
  type RelayServer,
  type RelayStats,
  type StunListener,
  startStun,
} from '../control/derp/index.ts';
import type { DerpMap } from '../control/wire/index.ts';
import { readDerpMap } from './derp-map-file.ts';
import { originPort, type RelayListening, relayAddress, relayListening } from './derp-place.ts';
import { describeListenFailure } from './listen-failure.ts';
import { loadRelayCertificate, loadRelayKey } from './relay-keys.ts';
import { createRelaySharing } from './relay-sharing.ts';
import type { ServerKeys } from './server-keys.ts';
import type { Services } from './services.ts';
import type { TlsFiles } from './tls.ts';

const HEADERS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

export interface Derp {
  /** Serves `/derp` of the server's own origin; undefined when there is no relay. */
  readonly relay: RelayServer | undefined;
  /** Also without a relay: relays elsewhere ask whom they may serve. */
  readonly admission: Admission;
  /** The relays of a device that reached this server at that address. */
  map(localAddress?: string): DerpMap;
  /**
   * Opens the listeners; rejects with a sentence that says what to do. `onChanged` hears when the relay is another process's
   * from now on.
   */
  start(onChanged?: () => void): Promise<void>;
  /** The port that the server's own origin turned out to have. */
  originListens(port: number): void;
  stats(): RelayStats | undefined;
  close(): Promise<void>;
}

export interface DerpParts {
  readonly config: ServeConfig;
  readonly services: Pick<Services, 'store' | 'follower' | 'facts' | 'clock' | 'random'>;
  readonly keys: Pick<ServerKeys, 'sealer'>;
  readonly tls: TlsFiles | undefined;
  readonly log: Logger;
}

interface OwnListener {
  readonly server: Server;
  readonly pin: string;
  port: number;
}

/** Throws when the map in a file cannot be used. */
export async function createDerp({ config, services, keys, tls, log }: DerpParts): Promise<Derp> {
  const { clock, random } = services;
  const given = config.derpMapFile === undefined ? undefined : readDerpMap(config.derpMapFile);
  const onError = (error: unknown): void => log.warn({ err: error }, 'the relay failed at a background task');
  const admission = createAdmission({ ...services, onError });
  const listening = relayListening(config);
  const keyParts = { ...services, sealer: keys.sealer };
  const sharing =
    config.database.kind === 'postgres' ? createRelaySharing(services.facts, onError) : undefined;
  const relay = (await isWanted())
    ? createRelayServer({ privateKey: await loadRelayKey(keyParts), admission, clock, random, log })
    : undefined;
  const own = relay === undefined ? undefined : await ownListener(relay);
  let stun: StunListener | undefined;
  let closed: Promise<void> | undefined;
  let originListensOn = config.listen.port;

  /** One relay is enough, since devices at different ones would not meet. */
  async function isWanted(): Promise<boolean> {
    if (config.derp !== undefined) return config.derp;
    if (given !== undefined) return false;
    if (!(await sharing?.isServed())) return true;
    log.info('another process runs the relay');
    return false;
  }

  async function ownListener(server: RelayServer): Promise<OwnListener | undefined> {
    if (listening.own === undefined) return undefined;
    const host = relayAddress({ config, certificateName: undefined, localAddress: '' });
    const certificate = await loadRelayCertificate(keyParts, host);
    const https = createServer(
      {
        cert: certificate.certPem,
        key: certificate.keyPem,
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: HEADERS_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      handleRelayRequest,
    );
    https.on('upgrade', (request, socket, head) => {
      if (request.url?.split('?', 1)[0] === '/derp') server.handleUpgrade(request, socket, head);
      else {
        socket.on('error', () => socket.destroy());
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      }
    });
    return { server: https, pin: certificatePin(certificate), port: listening.own.port };
  }

  const map = (localAddress = ''): DerpMap => {
    if (given === undefined && config.derp !== false) {
      const shared = sharing?.map();
      if (shared !== undefined) return shared;
    }
    return ownMap(localAddress);
  };

  const ownMap = (localAddress: string): DerpMap => {
    if (relay === undefined) return given ?? { Regions: {} };
    const embedded = derpMapOf({
      host: relayAddress({ config, certificateName: own ? undefined : certificateName(tls), localAddress }),
      port: own?.port ?? originPort(config.publicUrl, originListensOn),
      stunPort: stun?.port,
      pin: own?.pin,
    });
    return given === undefined ? embedded : { ...given, Regions: { ...given.Regions, ...embedded.Regions } };
  };

  return {
    relay,
    admission,
    map,
    start: async (onChanged) => {
      if (own !== undefined) own.port = await listenSomewhere(own.server, listening, log);
      if (own !== undefined) log.info({ port: own.port }, 'the relay listens');
      if (relay !== undefined || config.stun !== undefined) {
        stun = await stunSomewhere(listening, own?.port, log);
      }
      if (relay !== undefined) await sharing?.publish(ownMap(''));
      await sharing?.start(onChanged);
    },
    originListens: (port) => {
      originListensOn = port;
    },
    stats: () => relay?.stats(),
    close: () => {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    sharing?.close();
    relay?.close();
    admission.close();
    await stun?.close();
    if (own?.server.listening) {
      await new Promise<void>((resolve) => {
        own.server.close(() => resolve());
        own.server.closeAllConnections();
      });
    }
  }
}

async function listenSomewhere(
  server: Server,
  { own, ownIsAsked }: RelayListening,
  log: Logger,
): Promise<number> {
  if (own === undefined) throw new Error('there is no listener of its own');
  const listen = (where: HostPort): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(where.port, where.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await listen(own);
  } catch (error) {
    if (ownIsAsked) throw describeListenFailure('--derp-listen', own, error);
    log.warn(
      { wanted: formatHostPort(own), err: error },
      'the port of the relay is not free: another is taken; choose one with --derp-listen',
    );
    const anywhere = { host: own.host, port: 0 };
    await listen(anywhere).catch((failure: unknown) => {
      throw describeListenFailure('--derp-listen', anywhere, failure);
    });
  }
  server.on('error', (error) => log.warn({ err: error }, 'the relay listener failed'));
  return (server.address() as AddressInfo).port;
}

/** Clients find their way without STUN, so it is no reason not to start, unless it was asked for. */
async function stunSomewhere(
  { stun, stunIsAsked }: RelayListening,
  relayPort: number | undefined,
  log: Logger,
): Promise<StunListener | undefined> {
  let last: unknown;
  for (const [index, place] of stun.entries()) {
    // The second place is the relay's own port, which is known by now.
    const where = index === 0 ? place : { host: place.host, port: relayPort ?? place.port };
    try {
      const listener = await startStun(where, (error) => log.warn({ err: error }, 'STUN failed'));
      log.info({ port: listener.port }, 'answering STUN');
      return listener;
    } catch (error) {
      if (stunIsAsked) throw describeListenFailure('--stun', where, error);
      last = error;
    }
  }
  log.warn(
    { err: last },
    'no port for STUN is free: devices will find fewer direct paths; choose one with --stun',
  );
  return undefined;
}

/** The first name of the operator's certificate that is not a pattern. */
function certificateName(tls: TlsFiles | undefined): string | undefined {
  if (tls === undefined) return undefined;
  const names = new X509Certificate(tls.read().cert).subjectAltName ?? '';
  return /(?:^|, )DNS:([^*,\s]+)(?:,|$)/u.exec(names)?.[1];
}
