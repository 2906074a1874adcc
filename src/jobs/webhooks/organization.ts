/** The endpoints of one organization: who is due is sent its next batch, each on its own, so that none waits for another. */

import type { Sealer } from '../../domain/ports/sealer.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { QueuedEntry, WebhookCursor, WebhookQueue } from '../../domain/ports/webhook-queue.ts';
import { entryOf, type GoneEndpoint } from '../../domain/webhooks/webhook-events.ts';
import { webhookSecretPlace } from '../../domain/webhooks/webhook-service.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { retryDelay } from '../backoff.ts';
import type { Exchange } from '../outgoing/exchange.ts';
import { type Batch, type Endpoint, MAX_ROWS, nextBatch, type Progress } from './endpoint.ts';
import { type EncodedEvent, signatureHeader } from './message.ts';
import type { Recorder } from './recorder.ts';

export interface DeliveryParts {
  readonly store: Store;
  readonly queue: WebhookQueue;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly exchange: Exchange;
  readonly encode: (entry: QueuedEntry) => Promise<readonly EncodedEvent[]>;
  readonly onError: (error: unknown) => void;
  /** An endpoint that was just sent something is sent the next batch after so long. */
  readonly spacingMs?: number;
}

export interface OrganizationWork extends DeliveryParts {
  readonly org: number;
  readonly recorder: Recorder;
  /** Whether delivering is this process's now. */
  readonly isOurs: () => boolean;
  /** Whether another delivery may run beside those under way. */
  readonly hasRoom: () => boolean;
  /** Aborted when the process stops. */
  readonly signal: AbortSignal;
  /** A delivery ended and more could begin. */
  readonly onMore: () => void;
}

export interface OrganizationQueue {
  /**
   * Begins what is due. `hinted`: something was written just now; then nothing is looked at while no endpoint could be
   * sent anything. False: nothing is waiting or under way.
   */
  round(hinted: boolean): Promise<boolean>;
  /** Another process may have delivered in the meantime: what the database says counts, for what is under way once it ended. */
  forget(): void;
  /** Deliveries under way. */
  running(): number;
  settled(): Promise<void>;
}

/** While an endpoint has something every moment, its events go together. */
const SPACING_MS = 5 * SECOND;
const MAX_ADDRESSED = 500;
/** An organization's rows for all endpoints that wait for those that do not answer. */
const MAX_WAITING = 10_000;
const LOG_KEPT = 100;
/** How many lines an endpoint's log grows before it is cut. */
const LOG_SLACK = 25;

export function createOrganizationQueue(work: OrganizationWork): OrganizationQueue {
  const { org, store, queue, clock, random, exchange, recorder, onError, spacingMs = SPACING_MS } = work;
  const endpoints = new Map<number, Endpoint>();
  const lines = new Map<number, number>();
  const underWay = new Set<Promise<void>>();
  /** Rows for single endpoints that were done since they were last read. */
  const done = new Set<number>();
  /** Rows of the round before that were for nobody who is known. */
  let suspects: ReadonlySet<number> = new Set();
  /** Whether all endpoints are known, with their places. */
  let loaded = false;
  let quietUntil = 0;
  let heldBack = false;

  /** Places that are not remembered. What ends meanwhile may have moved one: then they are read again. */
  const readCursors = async (): Promise<readonly WebhookCursor[]> => {
    let cursors: readonly WebhookCursor[] = [];
    while (!loaded) {
      loaded = true;
      try {
        cursors = await queue.cursors(org);
      } catch (error) {
        loaded = false;
        throw error;
      }
    }
    return cursors;
  };

  const load = async (
    webhooks: readonly GoneEndpoint[],
    addressed: readonly QueuedEntry[],
  ): Promise<void> => {
    const cursors = await readCursors();
    const begun = new Map(cursors.map((cursor) => [cursor.webhook, cursor]));
    const gone = addressed.flatMap((row) => {
      const webhook = entryOf(row.payload).gone;
      return webhook === undefined ? [] : [{ webhook, row }];
    });
    const ends = new Map(gone.map(({ webhook, row }) => [webhook.id, row]));
    const all = [...webhooks, ...gone.map(({ webhook }) => webhook)];
    for (const webhook of all) {
      const known = endpoints.get(webhook.id);
      const cursor = begun.get(webhook.id);
      const fresh = { seq: 0, attempt: 0, runAt: 0, lastAt: 0, busy: false, outdated: false };
      const start = known ?? { ...fresh, ...(cursor ?? { seq: beginOf(webhook.id, addressed) }) };
      // The same object while it is busy: a delivery under way writes to it.
      endpoints.set(webhook.id, Object.assign(start, { webhook, goneBy: ends.get(webhook.id) }) as Endpoint);
    }
    const ids = new Set(all.map(({ id }) => id));
    for (const [id, endpoint] of endpoints) if (!ids.has(id) && !endpoint.busy) endpoints.delete(id);
  };

  /**
   * Rows for endpoints of which nothing is left. Those of an endpoint that was just made look alike when the endpoints were
   * read before it; by the next round it is known.
   */
  const dropOrphans = async (addressed: readonly QueuedEntry[]): Promise<void> => {
    const strays = addressed.filter(({ target }) => !endpoints.has(Number(target))).map(({ id }) => id);
    const orphans = strays.filter((id) => suspects.has(id));
    suspects = new Set(strays);
    if (orphans.length > 0) {
      await recorder.record({ org, webhook: 0, cursor: null, log: [], done: orphans });
    }
  };

  const advance = async (
    endpoint: Endpoint,
    progress: Progress,
    log: Parameters<Recorder['record']>[0]['log'],
    over: boolean,
  ): Promise<void> => {
    const { id } = endpoint.webhook;
    const { seq } = progress;
    const cursor = { webhook: id, seq, attempt: endpoint.attempt, runAt: endpoint.runAt };
    await recorder.record({ org, webhook: id, cursor: over ? null : cursor, log, done: progress.done });
    endpoint.seq = seq;
    for (const row of progress.done) done.add(row);
    const grown = (lines.get(id) ?? 0) + log.length;
    lines.set(id, grown % LOG_SLACK);
    if (grown >= LOG_SLACK) await queue.pruneLog(org, id, LOG_KEPT);
  };

  const send = async (
    endpoint: Endpoint,
    batch: Batch,
  ): Promise<{ status: number | null; error: string | null }> => {
    const { webhook } = endpoint;
    try {
      const secret = work.sealer.open(webhook.secretSealed, webhookSecretPlace(webhook));
      const headers = signatureHeader(secret, batch.body, clock.now());
      const request = { method: 'POST', url: webhook.url, body: batch.body, headers } as const;
      const { status } = await exchange(request, work.signal);
      const ok = status >= 200 && status < 300;
      return { status, error: ok ? null : `the endpoint answered ${status}` };
    } catch (error) {
      return { status: null, error: error instanceof Error ? error.message : String(error) };
    }
  };

  const deliver = async (endpoint: Endpoint, batch: Batch): Promise<void> => {
    const { status, error } = await send(endpoint, batch);
    // Stopped: whether it arrived is not known, and it is sent again after the start.
    if (work.signal.aborted && status === null) return;
    const at = clock.now();
    const line = { event: batch.types.join(','), status, error, attempt: endpoint.attempt + 1, at };
    // What did not fit this batch need not wait.
    endpoint.lastAt = batch.more ? 0 : at;
    endpoint.attempt = error === null ? 0 : endpoint.attempt + 1;
    endpoint.runAt = error === null ? 0 : at + retryDelay(endpoint.attempt, random);
    const progress = error === null ? batch.after : batch.before;
    await advance(endpoint, progress, [...batch.givenUp, line], error === null && batch.last);
  };

  const begin = (endpoint: Endpoint, step: () => Promise<void>): void => {
    endpoint.busy = true;
    const ended = step()
      .catch((error: unknown) => {
        onError(error);
        endpoint.outdated = true;
      })
      .finally(() => {
        endpoint.busy = false;
        underWay.delete(ended);
        if (endpoint.outdated) drop(endpoint);
        if (heldBack || endpoint.lastAt === 0) {
          heldBack = false;
          quietUntil = 0;
          work.onMore();
        }
      });
    underWay.add(ended);
  };

  /** What the database has is what counts; it is read again. */
  const drop = ({ webhook }: Endpoint): void => {
    endpoints.delete(webhook.id);
    loaded = false;
  };

  /** Everything that every endpoint has been sent. */
  const prune = async (visible: readonly QueuedEntry[]): Promise<void> => {
    // An endpoint whose place is not known may still need anything.
    if (!loaded) return;
    const places = [...endpoints.values()].map(({ seq }) => seq);
    // At most what was there before the endpoints were asked for: one that was made since begins after it.
    const through = Math.min(visible.at(-1)?.seq ?? 0, ...places);
    if (visible.some(({ seq }) => seq <= through) || visible.length === MAX_ROWS) {
      await queue.prune(org, through, MAX_WAITING);
    }
  };

  return {
    round: async (hinted) => {
      if (hinted && clock.now() < quietUntil) return true;
      const visible = await queue.shared(org, 0, MAX_ROWS);
      // Before the rows that tell of their ends: an endpoint that goes in between shows in both, and never in neither.
      const webhooks = await store.find('webhook', org, {});
      done.clear();
      const addressed = await queue.addressed(org, MAX_ADDRESSED);
      if (visible.length === 0 && addressed.length === 0) return underWay.size > 0;
      await load(webhooks, addressed);
      await dropOrphans(addressed);
      const pages = new Map<number, Promise<readonly QueuedEntry[]>>();
      const batches = new Map<string, Promise<Batch>>();
      const encoded = new Map<number, Promise<readonly EncodedEvent[]>>();
      const page = remembered(pages, (after) => queue.shared(org, after, MAX_ROWS));
      const encode = (entry: QueuedEntry) => remembered(encoded, () => work.encode(entry))(entry.id);
      for (const endpoint of endpoints.values()) {
        const now = clock.now();
        // A delivery that ended since the rows were read has done some of them.
        const isOwn = ({ id, target }: QueuedEntry) =>
          Number(target) === endpoint.webhook.id && !done.has(id);
        const own = addressed.filter(isOwn);
        const spaced = own.length > 0 || now >= endpoint.lastAt + spacingMs;
        const isOver = endpoint.goneBy !== undefined && done.has(endpoint.goneBy.id);
        if (endpoint.busy || isOver || now < endpoint.runAt || !spaced) continue;
        if (!work.isOurs() || !work.hasRoom()) {
          heldBack = true;
          continue;
        }
        const shared = await page(endpoint.seq);
        if (shared.length === 0 && own.length === 0) continue;
        const make = () => nextBatch({ endpoint, shared, own, encode, now });
        // Endpoints that stand at one place and want the same are sent the same bytes.
        const alike = JSON.stringify([
          endpoint.seq,
          endpoint.webhook.providerType,
          endpoint.webhook.subscriptions,
        ]);
        const isCommon = own.length === 0 && endpoint.goneBy === undefined;
        const batch = await (isCommon ? remembered(batches, make)(alike) : make());
        // Getting here may have taken long: another process may be sending the same by now.
        if (!work.isOurs()) return true;
        if (batch.body.length > 0) begin(endpoint, () => deliver(endpoint, batch));
        else begin(endpoint, () => advance(endpoint, batch.before, batch.givenUp, batch.over));
      }
      await prune(visible);
      const due = [...endpoints.values()].map(({ busy, runAt, lastAt }) =>
        busy ? Number.POSITIVE_INFINITY : Math.max(runAt, lastAt + spacingMs),
      );
      // At most until the next poll, which looks in any case.
      quietUntil = heldBack ? 0 : Math.min(clock.now() + spacingMs, ...due);
      return true;
    },
    forget: () => {
      loaded = false;
      quietUntil = 0;
      for (const endpoint of endpoints.values()) {
        if (endpoint.busy) endpoint.outdated = true;
        else drop(endpoint);
      }
    },
    running: () => underWay.size,
    settled: async () => {
      await Promise.all(underWay);
    },
  };
}

/** What a new endpoint is not told: everything before the row that its making left. */
function beginOf(webhook: number, addressed: readonly QueuedEntry[]): number {
  const first = addressed.find(
    (row) => Number(row.target) === webhook && entryOf(row.payload).begins === true,
  );
  return first?.seq ?? 0;
}

const remembered =
  <K, T>(known: Map<K, Promise<T>>, make: (key: K) => Promise<T>) =>
  (key: K): Promise<T> => {
    const found = known.get(key) ?? make(key);
    known.set(key, found);
    return found;
  };
