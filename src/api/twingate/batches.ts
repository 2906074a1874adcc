/**
 * Gathers what resolvers of one nesting level ask for, so that it is one question to the store and not one for each row.
 * Questions wait until everything that can run without an answer has run.
 */
export interface Batches {
  /** Asks for `key`; `run` gets all keys that were asked for under the same name meanwhile. */
  load<K, V>(
    name: string,
    key: K,
    run: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
  ): Promise<V | undefined>;
}

interface Open {
  readonly keys: Set<unknown>;
  readonly answers: Promise<ReadonlyMap<unknown, unknown>>;
}

export function createBatches(): Batches {
  const open = new Map<string, Open>();
  return {
    load: async <K, V>(
      name: string,
      key: K,
      run: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>,
    ): Promise<V | undefined> => {
      let batch = open.get(name);
      if (batch === undefined) {
        const keys = new Set<unknown>();
        const answers = new Promise<void>((resolve) => {
          setImmediate(resolve);
        }).then(() => {
          open.delete(name);
          // The same name always comes with the same types of keys and values.
          return run([...keys] as K[]) as Promise<ReadonlyMap<unknown, unknown>>;
        });
        batch = { keys, answers };
        open.set(name, batch);
      }
      batch.keys.add(key);
      return (await batch.answers).get(key) as V | undefined;
    },
  };
}
