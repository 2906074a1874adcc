/** The composition root of the server: config, then store, then services, then listeners. */
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { createControl } from './app/control.ts';
import { type DataLock, lockDataDirectory } from './app/data-lock.ts';
import { dialects } from './app/dialects.ts';
import { createHttpServer } from './app/http-server.ts';
import { type Installation, openInstallation } from './app/installation.ts';
import { describeListenFailure } from './app/listen-failure.ts';
import { loadServerKeys } from './app/server-keys.ts';
import { createServices } from './app/services.ts';
import { createTlsFiles } from './app/tls.ts';
import type { ServeConfig } from './config/config.ts';
import { formatHostPort } from './config/values.ts';
import type { Clock } from './kernel/clock.ts';
import type { Random } from './kernel/random.ts';

export interface AppParts {
  readonly config: ServeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface App {
  /** The origin that the listener itself has, such as http://127.0.0.1:8484. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Steps to undo, last first, when a later step fails or the server stops. */
function createCleanup(log: Logger) {
  const steps: (readonly [string, () => void | Promise<void>])[] = [];
  return {
    add: (name: string, step: () => void | Promise<void>): void => {
      steps.push([name, step]);
    },
    run: async (): Promise<void> => {
      for (const [name, step] of steps.splice(0).reverse()) {
        try {
          await step();
        } catch (error) {
          log.error({ err: error }, `stopping ${name} failed`);
        }
      }
    },
  };
}

/** Starts a server. Resolves when it accepts requests; rejects with a sentence that says what to do. */
export async function startApp({ config, clock, random, log }: AppParts): Promise<App> {
  const cleanup = createCleanup(log);
  try {
    const tls = config.tls === undefined ? undefined : createTlsFiles(config.tls, clock);
    tls?.read();
    if (config.database.kind === 'sqlite') {
      const lock: DataLock = lockDataDirectory(config.database.directory);
      cleanup.add('the lock', lock.release);
    }
    const onError = (error: unknown): void => log.warn({ err: error }, 'a background task failed');
    const installation: Installation = await openInstallation({ config, clock, mode: 'create', onError });
    cleanup.add('the store', installation.close);
    const services = createServices({ installation, clock, random, onError });
    cleanup.add('the services', services.close);
    const keys = await loadServerKeys({ config, facts: services.facts, random });

    const control = createControl({ config, installation, services, keys, log });
    const server = createHttpServer({ log, tls, trustedProxies: config.trustedProxies, control });
    for (const dialect of dialects) {
      server.register((scope, _options, done) => {
        dialect.mount(scope, services);
        done();
      });
    }
    await services.replica.start();
    cleanup.add('the replica lease', services.replica.close);
    await control.start();
    cleanup.add('the listener', () => server.close());
    cleanup.add('the control plane', control.close);
    try {
      await server.listen({ host: config.listen.host, port: config.listen.port });
    } catch (error) {
      throw describeListenFailure('--listen', config.listen, error);
    }
    const { address, port } = server.server.address() as AddressInfo;
    const origin = `${tls === undefined ? 'http' : 'https'}://${formatHostPort({ host: address, port })}`;
    return { origin, close: cleanup.run };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}
