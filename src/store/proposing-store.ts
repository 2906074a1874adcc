/**
 * A store on which nothing is ever written: each write runs to its end on the real one, what it would have changed is
 * noted, and it is taken back. Reads are the real ones.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type EntityKind, entities, isEntityKind, keyTextOf, type Row } from '../domain/model/entities.ts';
import {
  type Change,
  changeOf,
  type Reader,
  type RowKey,
  type Store,
  type Tx,
} from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';

export interface ProposingStore {
  readonly store: Store;
  /**
   * What the writes of `work` would change, in order. Each is tried on the state that is there: none sees another. Each write
   * holds what a real one holds, as long as a real one, and not longer: when `signal` comes it is taken back at once, and
   * `work` gets the signal's reason from it and from all writes after it.
   */
  propose<T>(
    work: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<{ readonly result: T; readonly changes: readonly Change[] }>;
}

/** Carries what a write resolved with out of the transaction that it ends. */
class TakenBack extends Error {
  readonly result: unknown;

  constructor(result: unknown) {
    super('a proposed write is taken back');
    this.name = 'TakenBack';
    this.result = result;
  }
}

function keyOf<K extends EntityKind>(kind: K, row: Row<K>): RowKey<K> {
  const columns: readonly string[] = entities[kind].key;
  const values: Readonly<Record<string, unknown>> = row;
  // The declarations say which of the two a kind has (see RowKey).
  if (columns.length === 1 && columns[0] === 'id') return values.id as RowKey<K>;
  return Object.fromEntries(columns.map((name) => [name, values[name]])) as RowKey<K>;
}

/** A transaction that notes what it changes. */
function noting(tx: Tx, changes: Change[]): Tx {
  const note = <K extends EntityKind>(
    kind: K,
    before: Row<K> | undefined,
    after: Row<K> | undefined,
  ): void => {
    const row = after ?? before;
    if (row === undefined || !isEntityKind(kind)) return;
    const { org } = row as { readonly org: number };
    const change = { org, seq: 0, kind, key: keyTextOf(kind, row), at: tx.now };
    changes.push(changeOf({ ...change, before: before ?? null, after: after ?? null }));
  };
  return {
    ...tx,
    now: tx.now,
    insert: async (kind, row) => {
      const inserted = await tx.insert(kind, row);
      note(kind, undefined, inserted);
      return inserted;
    },
    insertAll: async (kind, rows) => {
      await tx.insertAll(kind, rows);
      for (const row of rows) note(kind, undefined, row);
    },
    update: async (kind, org, key, patch) => {
      const before = await tx.get(kind, org, key);
      const after = await tx.update(kind, org, key, patch);
      note(kind, before, after);
      return after;
    },
    put: async (kind, row) => {
      const { org } = row as { readonly org: number };
      const before = await tx.get(kind, org, keyOf(kind, row));
      await tx.put(kind, row);
      note(kind, before, row);
    },
    remove: async (kind, org, key) => {
      const before = await tx.get(kind, org, key);
      const removed = await tx.remove(kind, org, key);
      if (removed) note(kind, before, undefined);
      return removed;
    },
  };
}

/** Resolves with `work`, or rejects with the signal's reason when that comes first. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const end = Promise.withResolvers<never>();
  const onAbort = (): void => end.reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, end.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export function createProposingStore(real: Store): ProposingStore {
  const proposals = new AsyncLocalStorage<{ readonly noted: Change[]; readonly signal: AbortSignal }>();

  const write: Store['write'] = async <T>(
    context: Parameters<Store['write']>[0],
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> => {
    const proposal = proposals.getStore();
    if (proposal === undefined) throw new AppError('unavailable', 'nothing is written outside of a proposal');
    const { noted, signal } = proposal;
    signal.throwIfAborted();
    let changes: Change[] = [];
    try {
      await real.write(context, async (tx) => {
        // It may have waited long for its turn.
        signal.throwIfAborted();
        changes = [];
        throw new TakenBack(await unless(signal, work(noting(tx, changes))));
      });
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
      for (const change of changes) noted.push(change);
      return error.result as T;
    }
    throw new Error('a proposed write was not taken back');
  };

  return {
    store: { ...(real as Store & Reader), write, close: async () => undefined },
    propose: async (work, signal) => {
      const changes: Change[] = [];
      // Awaited within: what is returned may begin its work only then.
      return { result: await proposals.run({ noted: changes, signal }, async () => await work()), changes };
    },
  };
}
