// Stores on both engines for the cases of this folder, and what the cases write in them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Row } from '../../src/domain/model/entities.ts';
import type { Store, Tx } from '../../src/domain/ports/store.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import type { Engine } from '../../src/store/engine.ts';
import { migrate } from '../../src/store/migrator.ts';
import { openEngine, type StoreLocation } from '../../src/store/open-store.ts';
import { createStore } from '../../src/store/store.ts';
import type { EngineName } from '../support/engines.ts';
import { createTestDatabase } from '../support/postgres.ts';

export { ENGINES, type EngineName } from '../support/engines.ts';

export interface OpenedStore {
  readonly store: Store;
  readonly engine: Engine;
  readonly location: StoreLocation;
  /** What belonged to no call. */
  readonly errors: unknown[];
  close(): Promise<void>;
}

export async function newLocation(name: EngineName): Promise<StoreLocation> {
  return name === 'postgres'
    ? { kind: 'postgres', url: await createTestDatabase() }
    : { kind: 'sqlite', directory: mkdtempSync(path.join(tmpdir(), 'holdfast-contract-')) };
}

export async function openAt(location: StoreLocation, clock: Clock = systemClock): Promise<OpenedStore> {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  const engine = openEngine({ location, clock, onError });
  await migrate(engine);
  const store = createStore({ engine, clock, onError });
  return { store, engine, location, errors, close: () => store.close() };
}

export async function openNew(name: EngineName, clock: Clock = systemClock): Promise<OpenedStore> {
  const opened = await openAt(await newLocation(name), clock);
  return {
    ...opened,
    close: async () => {
      await opened.close();
      if (opened.location.kind === 'sqlite')
        rmSync(opened.location.directory, { recursive: true, force: true });
    },
  };
}

export const BY = { kind: 'system', id: '1', name: 'contract' } as const;

/** A write with one audit event on each of the organizations. */
export function audited<T>(
  store: Store,
  orgs: readonly number[],
  work: (tx: Tx) => Promise<T>,
  ids?: number,
): Promise<T> {
  return store.write(
    { orgs, by: BY, origin: 'system', ...(ids === undefined ? {} : { ids }) },
    async (tx) => {
      const result = await work(tx);
      for (const org of new Set(orgs))
        tx.audit(org, { verb: 'update', objectKind: 'thing', objectId: 1, objectName: 'thing' });
      return result;
    },
  );
}

/** Writes statements past the store, as somebody with access to the database could. */
export const tamper = (engine: Engine, sql: string): Promise<unknown> =>
  engine.transaction((connection) => connection.run(sql, []));

export const serial = (org: number, id: number, text: string): Row<'serialNumber'> => ({
  org,
  id,
  serial: text,
  createdAt: 1,
});

export const insertSerial = (
  store: Store,
  org: number,
  id: number,
  text = `serial-${id}`,
): Promise<unknown> => audited(store, [org], (tx) => tx.insert('serialNumber', serial(org, id, text)));
