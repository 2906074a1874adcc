/** The one origin: Fastify over node's own HTTP/1.1 server, whose upgrades go to the control plane. */
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import type { Logger } from 'pino';
import { sendError } from '../api/native/errors.ts';
import type { ControlPlane } from '../control/control-plane.ts';
import type { RelayServer } from '../control/derp/index.ts';
import { NO_UPGRADE } from '../control/transport/index.ts';
import { invalid } from '../kernel/errors.ts';
import type { TlsFiles } from './tls.ts';

const BODY_LIMIT_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 32 * 1024;
/** Whole request, headers to the end of the body; streams of answers may last longer. */
const REQUEST_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 75_000;
const MAX_PARAMETER_LENGTH = 1024;
const UPGRADED_PATHS: ReadonlySet<string> = new Set(['/ts2021', '/derp']);

/** What takes a connection over that asked for another protocol on its path. */
export type Upgrades = Map<string, (request: IncomingMessage, socket: Duplex) => void>;

export interface HttpServerParts {
  /** By path; may be filled after the server is made. */
  readonly upgrades: ReadonlyMap<string, (request: IncomingMessage, socket: Duplex) => void>;
  readonly log: Logger;
  readonly tls: TlsFiles | undefined;
  readonly trustedProxies: readonly string[];
  readonly control: ControlPlane;
  /** Takes over connections that asked for `/derp`; undefined where there is no relay. */
  readonly relay: Pick<RelayServer, 'handleUpgrade'> | undefined;
}

export function createHttpServer(parts: HttpServerParts): FastifyInstance {
  const { log, tls, trustedProxies, control, relay, upgrades } = parts;
  const options = {
    // What asks for another upgrade (curl for HTTP/2, say) is a plain request, as servers without upgrades have it.
    shouldUpgradeCallback: ({ url }: IncomingMessage) =>
      UPGRADED_PATHS.has(pathOf(url)) || upgrades.has(pathOf(url)),
    maxHeaderSize: MAX_HEADER_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  };
  const server = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH },
    // A path that cannot be decoded reaches no dialect.
    frameworkErrors: (error, _request, reply) => {
      const refusal = invalid('the path is not a valid URL');
      sendError(reply, error.code === 'FST_ERR_BAD_URL' ? refusal : error, () => undefined);
    },
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    serverFactory: (handler) => {
      // Devices upgrade HTTP/1.1, so nothing else is offered over TLS either.
      const listener =
        tls === undefined
          ? createServer(options, handler)
          : createTlsServer({ ...options, ...tls.read(), ALPNProtocols: ['http/1.1'] }, handler);
      listener.on('upgrade', (request, socket, head) => {
        const path = pathOf(request.url);
        const upgrade = upgrades.get(path);
        if (upgrade !== undefined) upgrade(request, socket);
        else if (path === '/ts2021') control.handleUpgrade(request, socket, head);
        else if (path === '/derp' && relay !== undefined) relay.handleUpgrade(request, socket, head);
        else {
          socket.on('error', () => socket.destroy());
          socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        }
      });
      return listener;
    },
  });
  server.get('/key', { config: { operation: 'control.key' } }, async (request, reply) => {
    const { v } = request.query as Readonly<Record<string, unknown>>;
    const answer = control.keyResponse(typeof v === 'string' ? v : undefined);
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  });
  server.all('/ts2021', { config: { operation: 'control.no-upgrade' } }, async (_request, reply) =>
    reply.code(NO_UPGRADE.status).headers(NO_UPGRADE.headers).send(NO_UPGRADE.body),
  );
  server.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ code: 'not_found', message: 'not found' }),
  );
  server.setErrorHandler((error, request, reply) =>
    sendError(reply, error, (defect) =>
      log.error({ err: defect, operation: request.routeOptions.config.operation }, 'a request failed'),
    ),
  );
  return server;
}

const pathOf = (url: string | undefined): string => url?.split('?', 1)[0] ?? '';

const SWEEP_MS = 50;

/** Takes no new connections and requests; resolves when the present ones are answered and their connections closed. */
export async function closeHttpServer(server: FastifyInstance): Promise<void> {
  // Connections that were answering when the close began stay open for their next request, which nobody would answer.
  const sweep = setInterval(() => server.server.closeIdleConnections(), SWEEP_MS);
  try {
    await server.close();
  } finally {
    clearInterval(sweep);
  }
}
