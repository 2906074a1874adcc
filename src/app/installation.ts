/** Opens an installation for a command or a server: its engine, brought to the program's version, and the store on it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallationConfig } from '../config/config.ts';
import type { Store } from '../domain/ports/store.ts';
import { deriveWebhookEvents } from '../domain/webhooks/webhook-events.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Engine } from '../store/engine.ts';
import { databaseVersion, migrate, SCHEMA_VERSION } from '../store/migrator.ts';
import { DATABASE_FILE, openEngine } from '../store/open-store.ts';
import { createStore } from '../store/store.ts';
import { describeOpenFailure } from './open-failure.ts';

export interface Installation {
  readonly config: InstallationConfig;
  readonly engine: Engine;
  readonly store: Store;
  close(): Promise<void>;
}

export interface OpenInstallationOptions {
  readonly config: InstallationConfig;
  readonly clock: Clock;
  /**
   * `create`: makes the database where there is none and brings an older one up to date. `existing`: refuses both, for
   * commands that only look at or add to an installation.
   */
  readonly mode: 'create' | 'existing';
  readonly onError?: (error: unknown) => void;
  /** Puts something around the engine, such as the timing of its calls. */
  readonly watchEngine?: ((engine: Engine) => Engine) | undefined;
}

const atWhere = ({ database }: InstallationConfig): string =>
  database.kind === 'sqlite' ? database.directory : 'that database';

async function requireCurrent(config: InstallationConfig, engine: Engine): Promise<void> {
  // Tells a database that cannot be reached from one that is empty.
  await engine.run('SELECT 1', []);
  const version = await databaseVersion(engine);
  if (version === SCHEMA_VERSION) return;
  if (version === 0) {
    throw new AppError(
      'not_found',
      `there is no installation in ${atWhere(config)}: start the server or run "holdfast init" first`,
    );
  }
  throw new AppError(
    'conflict',
    version < SCHEMA_VERSION
      ? `the database is of version ${version} and this program of version ${SCHEMA_VERSION}: start "holdfast serve" once to bring it up to date`
      : `the database is of version ${version} and this program knows version ${SCHEMA_VERSION}: use a newer program`,
  );
}

/** Errors: `AppError` with a sentence that says what to do. The caller closes what it gets. */
export async function openInstallation(options: OpenInstallationOptions): Promise<Installation> {
  const { config, clock, mode } = options;
  const { database } = config;
  if (
    mode === 'existing' &&
    database.kind === 'sqlite' &&
    !existsSync(join(database.directory, DATABASE_FILE))
  ) {
    throw new AppError(
      'not_found',
      `there is no installation in ${database.directory}: name one with --data or --database-url, or run "holdfast init" first`,
    );
  }
  let engine: Engine | undefined;
  try {
    engine = openEngine({ location: database, clock, onError: options.onError ?? (() => undefined) });
    if (mode === 'create') await migrate(engine);
    else await requireCurrent(config, engine);
  } catch (error) {
    await engine?.close();
    throw describeOpenFailure(database, error);
  }
  const opened = options.watchEngine?.(engine) ?? engine;
  const store = createStore({
    engine: opened,
    clock,
    derive: deriveWebhookEvents,
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  });
  return { config, engine: opened, store, close: () => store.close() };
}
