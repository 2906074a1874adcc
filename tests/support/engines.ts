// Both engines of the store, for tests that hold on either.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Store } from '../../src/domain/ports/store.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { createTestDatabase } from './postgres.ts';

export const ENGINES = ['sqlite', 'postgres'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface TestStore {
  readonly store: Store;
  readonly close: () => Promise<void>;
}

/** A new store on an empty database; `close` removes it. */
export async function openTestStore(engine: EngineName, clock: Clock = systemClock): Promise<TestStore> {
  const onError = (error: unknown): void => {
    throw error;
  };
  const directory = engine === 'sqlite' ? mkdtempSync(path.join(tmpdir(), 'holdfast-store-')) : undefined;
  const location: StoreLocation =
    directory === undefined
      ? { kind: 'postgres', url: await createTestDatabase() }
      : { kind: 'sqlite', directory };
  const store = await openStore({ location, clock, onError });
  return {
    store,
    close: async () => {
      await store.close();
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
