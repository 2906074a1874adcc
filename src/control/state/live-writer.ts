/**
 * Facts that devices report all the time are written in batches: one transaction for everything that an organization's
 * devices said within a few hundredths of a second. Nothing is pushed from here: other devices learn of it from the feed.
 */
import type { DeviceLive, Presence, RoutePrimary } from '../../domain/model/devices.ts';
import type { Change, Store, Tx } from '../../domain/ports/store.ts';
import { AppError } from '../../kernel/errors.ts';

/** Long enough to merge what a device says in a row, short enough that nobody waits for it. */
const FLUSH_MS = 20;
const RETRY_MS = 1_000;

interface Batch {
  readonly live: Map<number, DeviceLive>;
  readonly presence: Map<number, Presence>;
  /** By `network/prefix`; null takes the primary away. */
  readonly primaries: Map<string, RoutePrimary | null>;
}

/** What was said here and has not come back through the feed yet: newer than the snapshot, written or not. */
interface Unseen {
  readonly live: Map<number, DeviceLive>;
  readonly presence: Map<number, Presence>;
}

export interface LiveWriter {
  live(row: DeviceLive): void;
  presence(row: Presence): void;
  primary(org: number, network: number, prefix: string, row: RoutePrimary | null): void;
  /** The row that was said here last, while the snapshot does not have it yet. */
  pendingLive(org: number, device: number): DeviceLive | undefined;
  pendingPresence(org: number, device: number): Presence | undefined;
  /** These changes are in the snapshot now. */
  seen(org: number, changes: readonly Change[]): void;
  /** The organization's snapshot is let go of. */
  forget(org: number): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface LiveWriterParts {
  readonly store: Store;
  readonly onError: (error: unknown) => void;
}

/** The database is away for a while: the same rows can be written later. */
const isPassing = (error: unknown): boolean => error instanceof AppError && error.code === 'unavailable';

/** A batch as batches of one row. */
function singleRows(batch: Batch): Batch[] {
  const none = (): Batch => ({ live: new Map(), presence: new Map(), primaries: new Map() });
  return [
    ...[...batch.live].map((entry) => ({ ...none(), live: new Map([entry]) })),
    ...[...batch.presence].map((entry) => ({ ...none(), presence: new Map([entry]) })),
    ...[...batch.primaries].map((entry) => ({ ...none(), primaries: new Map([entry]) })),
  ];
}

export function createLiveWriter({ store, onError }: LiveWriterParts): LiveWriter {
  const batches = new Map<number, Batch>();
  const writing = new Map<number, Promise<void>>();
  const unseen = new Map<number, Unseen>();
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

  const unseenOf = (org: number): Unseen => {
    let rows = unseen.get(org);
    if (rows === undefined) {
      rows = { live: new Map(), presence: new Map() };
      unseen.set(org, rows);
    }
    return rows;
  };
  /** Takes rows back that will never come through the feed, unless something newer was said since. */
  const drop = (org: number, live: readonly DeviceLive[], presence: readonly Presence[]): void => {
    const rows = unseen.get(org);
    for (const row of live) if (rows?.live.get(row.device) === row) rows.live.delete(row.device);
    for (const row of presence) if (rows?.presence.get(row.device) === row) rows.presence.delete(row.device);
  };

  /** A device that has gone over to another process is that one's: whoever it left last has nothing to say of it. */
  const isLeftElsewhere = async (tx: Tx, org: number, rows: readonly Presence[]): Promise<Set<number>> => {
    const devices = rows.filter(({ online }) => !online).map(({ device }) => device);
    if (devices.length === 0) return new Set();
    const stored = await tx.find('presence', org, { device: devices }, devices.length);
    const replicas = new Map(stored.map(({ device, replica }) => [device, replica]));
    return new Set(
      rows
        .filter(({ device, online, replica }) => !online && (replicas.get(device) ?? replica) !== replica)
        .map(({ device }) => device),
    );
  };

  const write = (org: number, batch: Batch): Promise<{ live: DeviceLive[]; presence: Presence[] }> =>
    store.write(
      { orgs: [org], by: { kind: 'system', id: '', name: 'control' }, origin: 'control' },
      async (tx) => {
        const named = [...new Set([...batch.live.keys(), ...batch.presence.keys()])];
        // A device may have been deleted since it spoke; its facts must not outlive it.
        const known = new Set(
          (await tx.find('device', org, { id: named }, named.length)).map(({ id }) => id),
        );
        const elsewhere = await isLeftElsewhere(tx, org, [...batch.presence.values()]);
        const skipped: { live: DeviceLive[]; presence: Presence[] } = { live: [], presence: [] };
        for (const row of batch.live.values()) {
          if (known.has(row.device)) await tx.put('deviceLive', row);
          else skipped.live.push(row);
        }
        for (const row of batch.presence.values()) {
          if (known.has(row.device) && !elsewhere.has(row.device)) await tx.put('presence', row);
          else skipped.presence.push(row);
        }
        for (const [key, row] of batch.primaries) {
          const slash = key.indexOf('/');
          const network = Number(key.slice(0, slash));
          const prefix = key.slice(slash + 1);
          if (row === null) await tx.remove('routePrimary', org, { network, prefix });
          else await tx.put('routePrimary', row);
        }
        return skipped;
      },
    );

  /** Puts a batch that could not be written back below what came since. */
  const restore = (org: number, failed: Batch): void => {
    const batch = batchOf(org);
    for (const [id, row] of failed.live) if (!batch.live.has(id)) batch.live.set(id, row);
    for (const [id, row] of failed.presence) if (!batch.presence.has(id)) batch.presence.set(id, row);
    for (const [key, row] of failed.primaries) if (!batch.primaries.has(key)) batch.primaries.set(key, row);
  };

  const retryLater = (org: number, batch: Batch): void => {
    restore(org, batch);
    clearTimeout(timer);
    timer = closed ? undefined : setTimeout(start, RETRY_MS);
  };

  /** Writes a batch, or what can be written of it: one row that cannot be must not hold up those of other devices. */
  const writeBatch = async (org: number, batch: Batch): Promise<void> => {
    try {
      const skipped = await write(org, batch);
      drop(org, skipped.live, skipped.presence);
    } catch (error) {
      if (isPassing(error)) {
        onError(error);
        retryLater(org, batch);
        return;
      }
      const rows = singleRows(batch);
      if (rows.length > 1) {
        for (const row of rows) await writeBatch(org, row);
      } else {
        onError(error);
        drop(org, [...batch.live.values()], [...batch.presence.values()]);
      }
    }
  };

  /** One write an organization at a time: what is said meanwhile waits and is merged. */
  const writeOne = async (org: number): Promise<void> => {
    const batch = batches.get(org);
    if (batch === undefined) return;
    batches.delete(org);
    await writeBatch(org, batch);
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
    live: (row) => {
      batchOf(row.org).live.set(row.device, row);
      unseenOf(row.org).live.set(row.device, row);
    },
    presence: (row) => {
      batchOf(row.org).presence.set(row.device, row);
      unseenOf(row.org).presence.set(row.device, row);
    },
    primary: (org, network, prefix, row) => void batchOf(org).primaries.set(`${network}/${prefix}`, row),
    pendingLive: (org, device) => unseen.get(org)?.live.get(device),
    pendingPresence: (org, device) => unseen.get(org)?.presence.get(device),
    seen: (org, changes) => {
      const rows = unseen.get(org);
      if (rows === undefined) return;
      for (const change of changes) {
        const device = Number(change.key);
        if (change.kind === 'deviceLive') {
          const said = rows.live.get(device);
          const { after } = change;
          if (said !== undefined && (after === null || after.updatedAt >= said.updatedAt))
            rows.live.delete(device);
        } else if (change.kind === 'presence') {
          const said = rows.presence.get(device);
          const { after } = change;
          if (
            said !== undefined &&
            (after === null || (after.replica === said.replica && after.since >= said.since))
          )
            rows.presence.delete(device);
        }
      }
    },
    forget: (org) => void unseen.delete(org),
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
