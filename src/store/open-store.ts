/** Opens a database by where it is, brings it to the program's version, and puts the store on it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Engine } from './engine.ts';
import { migrate } from './migrator.ts';
import { openPostgres } from './postgres/postgres-engine.ts';
import { openSqlite } from './sqlite/sqlite-engine.ts';
import { createStore } from './store.ts';

export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly directory: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly notify?: boolean };

export interface OpenStoreOptions {
  readonly location: StoreLocation;
  readonly clock: Clock;
  /** Errors that belong to no call: of idle connections, of listeners to commits. */
  readonly onError: (error: unknown) => void;
}

export const DATABASE_FILE = 'holdfast.db';
const PRIVATE_DIRECTORY = 0o700;

export function openEngine({ location, onError }: OpenStoreOptions): Engine {
  if (location.kind === 'postgres') {
    return openPostgres({ url: location.url, notify: location.notify ?? true, onError });
  }
  mkdirSync(location.directory, { recursive: true, mode: PRIVATE_DIRECTORY });
  return openSqlite(join(location.directory, DATABASE_FILE));
}

export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const engine = openEngine(options);
  try {
    await migrate(engine);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return createStore({ engine, clock: options.clock, onError: options.onError });
}
