/**
 * Gathers what resolvers of one nesting level ask for, so that it is one question to the store and not one for each row.
 * Questions wait until everything that can run without an answer has run, and go out in rounds: what comes back early waits
 * for the rest of its round, or the level below it would be asked about in pieces.
 */
export interface Batches {
  /** Asks for `key`; `run` gets all keys that were asked for under the same name meanwhile, and asks for nothing here. */
  load<K, V>(
    name: string,
    key: K,
    run: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
  ): Promise<V | undefined>;
}

interface Open {
  readonly keys: Set<unknown>;
  readonly answers: Promise<ReadonlyMap<unknown, unknown>>;
  /** Asks; resolves when the answer or a failure has come. */
  readonly start: () => Promise<unknown>;
}

export function createBatches(): Batches {
  let open = new Map<string, Open>();
  let isDue = false;

  const round = async (): Promise<void> => {
    const batches = [...open.values()];
    open = new Map();
    await Promise.allSettled(batches.map(({ start }) => start()));
    isDue = false;
    if (open.size > 0) schedule();
  };
  const schedule = (): void => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => void round());
  };

  const openBatch = <K, V>(run: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): Open => {
    const keys = new Set<unknown>();
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<unknown, unknown>>();
    const start = (): Promise<unknown> => {
      // The same name always comes with the same types of keys and values.
      const asked = run([...keys] as K[]) as Promise<ReadonlyMap<unknown, unknown>>;
      resolve(asked);
      return asked;
    };
    return { keys, answers: promise, start };
  };

  return {
    load: async <K, V>(
      name: string,
      key: K,
      run: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
    ): Promise<V | undefined> => {
      let batch = open.get(name);
      if (batch === undefined) {
        batch = openBatch(run);
        open.set(name, batch);
        schedule();
      }
      batch.keys.add(key);
      return (await batch.answers).get(key) as V | undefined;
    },
  };
}
