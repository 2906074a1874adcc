/** The composition root of the server: config, then store, then services, then listeners. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createAccessSweep } from './app/access-sweep.ts';
import { createAcmeDns } from './app/acme-dns.ts';
import { type Cleanup, createCleanup } from './app/cleanup.ts';
import { createControl } from './app/control.ts';
import { lockDataDirectory } from './app/data-lock.ts';
import { createDerp, type Derp } from './app/derp.ts';
import { mountDerpRoutes } from './app/derp-routes.ts';
import { firstRunLinkOf } from './app/first-run-link.ts';
import { closeHttpServer, createHttpServer, type Upgrades } from './app/http-server.ts';
import { openInstallation } from './app/installation.ts';
import { describeListenFailure } from './app/listen-failure.ts';
import { createLogStreamDelivery } from './app/log-streams.ts';
import { createLogUploads } from './app/log-uploads.ts';
import { createMail } from './app/mail.ts';
import { createMetrics, type Metrics } from './app/metrics.ts';
import { startMetricsListener } from './app/metrics-listener.ts';
import { createReadiness } from './app/readiness.ts';
import { mountRoutes } from './app/routes.ts';
import { loadServerKeys } from './app/server-keys.ts';
import { createServices } from './app/services.ts';
import { createTlsFiles, type TlsFiles } from './app/tls.ts';
import { createWebhooks } from './app/webhooks.ts';
import { createFlowLogIds } from './auth/flow-log-ids.ts';
import { createKeyedTexts } from './auth/keyed-texts.ts';
import { createMailSecrets } from './auth/mail-secrets.ts';
import type { ServeConfig } from './config/config.ts';
import { formatHostPort } from './config/values.ts';
import { createMaintenance } from './jobs/maintenance.ts';
import type { Clock } from './kernel/clock.ts';
import { type Random, randomNanoId } from './kernel/random.ts';
import { createInstallationFacts } from './store/installation-facts.ts';
import { createRetention } from './store/retention.ts';

export interface AppParts {
  readonly config: ServeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
}

export interface App {
  /** The origin that the listener itself has, such as http://127.0.0.1:8484. */
  readonly origin: string;
  /** The link of the first run, while the installation has never had an organization. */
  readonly firstRunLink: string | undefined;
  /** Takes over what may change without a restart: the certificate. Keeps the old one when the new one is bad. */
  reload(): void;
  /** Stops accepting, lets requests end, drains the devices' streams, closes the store. */
  close(): Promise<void>;
}

/** Starts a server. Resolves when it accepts requests; rejects with a sentence that says what to do. */
export async function startApp(parts: AppParts): Promise<App> {
  const cleanup = createCleanup(parts.log);
  try {
    return await start(parts, cleanup);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

async function start({ config, clock, random, log, version }: AppParts, cleanup: Cleanup): Promise<App> {
  const tls = config.tls === undefined ? undefined : createTlsFiles(config.tls, clock);
  tls?.read();
  if (config.database.kind === 'sqlite') {
    const lock = lockDataDirectory(config.database.directory);
    cleanup.add('the lock', lock.release);
  }
  const onError = (error: unknown): void => log.warn({ err: error }, 'a background task failed');
  const metrics = config.metricsListen === undefined ? undefined : createMetrics(version);
  const watchEngine = metrics?.watchEngine;
  const installation = await openInstallation({ config, clock, mode: 'create', onError, watchEngine });
  cleanup.add('the store', installation.close);
  const facts = createInstallationFacts(installation.engine);
  const keys = await loadServerKeys({ config, facts, random });
  const { aws } = config;
  const services = createServices({
    ...{ installation, facts, sealer: keys.sealer, aws, clock, random, onError },
  });
  cleanup.add('the services', services.close);
  const retention = createRetention({ engine: installation.engine, clock });
  const maintenance = createMaintenance({ retention, random, onError });
  cleanup.add('maintenance', maintenance.close);
  const derp = await createDerp({ config, services, keys, tls, log });
  cleanup.add('the relay', derp.close);
  const { publicUrl } = config;
  const flowLogIds = createFlowLogIds(keys.sealingKey);
  const { follower } = services;
  const acmeDns = await createAcmeDns({ config, store: installation.store, follower, clock, random, log });
  cleanup.add('the DNS responder', acmeDns.close);
  const { challenges } = acmeDns;
  const control = createControl({
    ...{ derpMap: derp.map, installation, services, keys, publicUrl, flowLogIds, challenges, log },
  });
  const readiness = createReadiness({ clock, pingDatabase: () => installation.engine.run('SELECT 1', []) });

  const { trustedProxies } = config;
  const upgrades: Upgrades = new Map();
  const server = createHttpServer({ log, tls, trustedProxies, control, relay: derp.relay, upgrades });
  metrics?.watchServer(server);
  mountDerpRoutes(server, derp);
  const { sealer, sealingKey } = keys;
  const keyedTexts = createKeyedTexts(sealingKey);
  const shareSecrets = createMailSecrets(sealingKey);
  const routes = await mountRoutes({
    ...{
      server,
      upgrades,
      services,
      config,
      sealer,
      keyedTexts,
      shareSecrets,
      readiness,
      certificateDomain: challenges.domain,
      gateways: control.gateways,
      log,
    },
    regionName: (region) => derp.map().Regions?.[region]?.RegionName || String(region),
    servicesOver: (store) =>
      createServices({
        installation: { ...installation, store },
        facts,
        sealer,
        aws,
        clock,
        random,
        onError: () => undefined,
        onlyTried: true,
      }),
  });
  cleanup.add('questions about the policy', routes.close);
  await server.register(
    createLogUploads({
      ids: flowLogIds,
      flowLogs: services.flowLogs,
      clock,
      onDefect: (error) => log.error({ err: error }, 'an upload of logs failed'),
    }),
  );
  await services.replica.start();
  cleanup.add('the replica lease', services.replica.close);
  await control.start();
  await derp.start(control.relaysChanged);
  await acmeDns.start();
  cleanup.add('the listener', async () => {
    readiness.stop();
    // The listener is closed when the last connection is gone, and the devices' are ended by the control plane.
    await Promise.all([closeHttpServer(server), control.close(), derp.close()]);
  });
  if (metrics !== undefined && config.metricsListen !== undefined) {
    watchControl(metrics, control);
    watchRelay(metrics, derp);
    const listener = await startMetricsListener(config.metricsListen, metrics);
    cleanup.add('the metrics listener', listener.close);
    log.info({ port: listener.port }, 'offering metrics');
  }
  const origin = await listen(server, config, tls);
  derp.originListens((server.server.address() as AddressInfo).port);
  maintenance.start();
  const holder = randomNanoId(random);
  const url = `${config.publicUrl ?? origin}/`;
  const webhooks = createWebhooks({
    installation,
    services,
    sealer,
    allowPrivate: config.webhookAllowPrivate,
    holder,
    url,
    onError,
  });
  cleanup.add('webhooks', webhooks.close);
  webhooks.start();
  const { webhookAllowPrivate: allowPrivate } = config;
  const logStreams = createLogStreamDelivery({
    installation,
    services,
    sealer,
    allowPrivate,
    holder,
    onError,
  });
  cleanup.add('log streams', logStreams.close);
  logStreams.start();
  const accessEndings = createAccessSweep({ installation, services, holder, onError });
  cleanup.add('the end of accesses', accessEndings.close);
  accessEndings.start();
  const mail = createMail({ installation, services, config: config.mail, sealingKey, holder, url, onError });
  cleanup.add('mail', mail.close);
  mail.start();
  const firstRunLink = await firstRunLinkOf(services, config.publicUrl ?? origin);
  return { origin, firstRunLink, close: cleanup.run, reload: () => reloadCertificate(server, tls, log) };
}

async function listen(
  server: FastifyInstance,
  config: ServeConfig,
  tls: TlsFiles | undefined,
): Promise<string> {
  try {
    await server.listen({ host: config.listen.host, port: config.listen.port });
  } catch (error) {
    throw describeListenFailure('--listen', config.listen, error);
  }
  const { address, port } = server.server.address() as AddressInfo;
  return `${tls === undefined ? 'http' : 'https'}://${formatHostPort({ host: address, port })}`;
}

function watchControl(metrics: Metrics, control: ReturnType<typeof createControl>): void {
  metrics.gauge('holdfast_device_connections', 'Connections of devices.', () => control.stats().connections);
  metrics.gauge('holdfast_device_streams', 'Map streams of devices.', () => control.stats().streams);
}

function watchRelay(metrics: Metrics, { stats }: Derp): void {
  metrics.gauge('holdfast_relay_clients', 'Devices connected to the relay.', () => stats()?.clients ?? 0);
  metrics.gauge('holdfast_relay_bytes', 'Bytes relayed since the start.', () => stats()?.relayedBytes ?? 0);
  metrics.gauge(
    'holdfast_relay_dropped_packets',
    'Packets dropped for slow receivers since the start.',
    () => stats()?.droppedPackets ?? 0,
  );
}

function reloadCertificate(server: FastifyInstance, tls: TlsFiles | undefined, log: Logger): void {
  const listener = server.server;
  if (tls === undefined || !('setSecureContext' in listener)) return;
  try {
    // Fastify types its server as plain HTTP; with a certificate it is the TLS server that http-server.ts made.
    (listener as unknown as { setSecureContext(material: object): void }).setSecureContext(tls.read());
    log.info('the certificate was read again');
  } catch (error) {
    log.error({ err: error }, 'the new certificate cannot be used; the old one stays');
  }
}
