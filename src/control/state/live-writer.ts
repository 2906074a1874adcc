/**
 * Facts that devices report all the time are written in batches: one transaction for everything that an organization's
 * devices said within a few hundredths of a second. Nothing is pushed from here: other devices learn of it from the feed.
 */
import type { DeviceLive, Presence, RoutePrimary } from '../../domain/model/devices.ts';
import type { Store } from '../../domain/ports/store.ts';

/** Long enough to merge what a device says in a row, short enough that nobody waits for it. */
const FLUSH_MS = 20;
const RETRY_MS = 1_000;

interface Batch {
  readonly live: Map<number, DeviceLive>;
  readonly presence: Map<number, Presence>;
  /** By `network/prefix`; null takes the primary away. */
  readonly primaries: Map<string, RoutePrimary | null>;
}

export interface LiveWriter {
  live(row: DeviceLive): void;
  presence(row: Presence): void;
  primary(org: number, network: number, prefix: string, row: RoutePrimary | null): void;
  /** The row that waits to be written, which is newer than what the snapshot has. */
  pendingLive(org: number, device: number): DeviceLive | undefined;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface LiveWriterParts {
  readonly store: Store;
  readonly onError: (error: unknown) => void;
}

export function createLiveWriter({ store, onError }: LiveWriterParts): LiveWriter {
  const batches = new Map<number, Batch>();
  const writing = new Map<number, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const batchOf = (org: number): Batch => {
    let batch = batches.get(org);
    if (batch === undefined) {
      batch = { live: new Map(), presence: new Map(), primaries: new Map() };
      batches.set(org, batch);
    }
    timer ??= setTimeout(start, FLUSH_MS);
    return batch;
  };

  const write = (org: number, batch: Batch): Promise<void> =>
    store.write(
      { orgs: [org], by: { kind: 'system', id: '', name: 'control' }, origin: 'control' },
      async (tx) => {
        const named = [...new Set([...batch.live.keys(), ...batch.presence.keys()])];
        // A device may have been deleted since it spoke; its facts must not outlive it.
        const known = new Set(
          (await tx.find('device', org, { id: named }, named.length)).map(({ id }) => id),
        );
        for (const row of batch.live.values()) if (known.has(row.device)) await tx.put('deviceLive', row);
        for (const row of batch.presence.values()) if (known.has(row.device)) await tx.put('presence', row);
        for (const [key, row] of batch.primaries) {
          const slash = key.indexOf('/');
          const network = Number(key.slice(0, slash));
          const prefix = key.slice(slash + 1);
          if (row === null) await tx.remove('routePrimary', org, { network, prefix });
          else await tx.put('routePrimary', row);
        }
      },
    );

  /** Puts a batch that could not be written back below what came since. */
  const restore = (org: number, failed: Batch): void => {
    const batch = batchOf(org);
    for (const [id, row] of failed.live) if (!batch.live.has(id)) batch.live.set(id, row);
    for (const [id, row] of failed.presence) if (!batch.presence.has(id)) batch.presence.set(id, row);
    for (const [key, row] of failed.primaries) if (!batch.primaries.has(key)) batch.primaries.set(key, row);
  };

  /** One write an organization at a time: what is said meanwhile waits and is merged. */
  const writeOne = async (org: number): Promise<void> => {
    const batch = batches.get(org);
    if (batch === undefined) return;
    batches.delete(org);
    try {
      await write(org, batch);
    } catch (error) {
      onError(error);
      restore(org, batch);
      clearTimeout(timer);
      timer = closed ? undefined : setTimeout(start, RETRY_MS);
    }
  };

  const startAll = (): Promise<unknown> =>
    Promise.all(
      [...batches.keys()].map((org) => {
        const running = writing.get(org);
        const next = (running ?? Promise.resolve())
          .then(() => writeOne(org))
          .finally(() => {
            if (writing.get(org) === next) writing.delete(org);
          });
        writing.set(org, next);
        return next;
      }),
    );

  function start(): void {
    timer = undefined;
    void startAll();
  }

  return {
    live: (row) => void batchOf(row.org).live.set(row.device, row),
    presence: (row) => void batchOf(row.org).presence.set(row.device, row),
    primary: (org, network, prefix, row) => void batchOf(org).primaries.set(`${network}/${prefix}`, row),
    pendingLive: (org, device) => batches.get(org)?.live.get(device),
    flush: async () => {
      clearTimeout(timer);
      timer = undefined;
      await startAll();
      await Promise.all(writing.values());
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      timer = undefined;
      await startAll();
      await Promise.all(writing.values());
      clearTimeout(timer);
    },
  };
}
