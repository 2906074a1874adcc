/** A map that holds so many entries at most: what was not asked for longest goes first. */
export interface RecentMap<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  readonly size: number;
}

export function createRecentMap<V>(capacity: number): RecentMap<V> {
  // A Map goes through its keys in the order of their insertion: whatever is used moves to the end.
  const entries = new Map<string, V>();
  const put = (key: string, value: V): void => {
    entries.delete(key);
    entries.set(key, value);
    const oldest = entries.size > capacity ? entries.keys().next() : undefined;
    if (oldest?.done === false) entries.delete(oldest.value);
  };
  return {
    get: (key) => {
      const value = entries.get(key);
      if (value !== undefined) put(key, value);
      return value;
    },
    set: put,
    get size() {
      return entries.size;
    },
  };
}
