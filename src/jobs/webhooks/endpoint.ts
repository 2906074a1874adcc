/** An endpoint's place in the queue, and what it is sent next. */
import type { DeliveryLine, QueuedEntry } from '../../domain/ports/webhook-queue.ts';
import { isSubscribed } from '../../domain/webhooks/subscriptions.ts';
import { entryOf, type GoneEndpoint, TO_ALL } from '../../domain/webhooks/webhook-events.ts';
import { DAY } from '../../kernel/clock.ts';
import { bodyOf, type EncodedEvent } from './message.ts';

/** What could not be sent for so long is not sent any more. */
const GIVE_UP_MS = 3 * DAY;

export interface Endpoint {
  readonly webhook: GoneEndpoint;
  /** The row that says that it is gone: everything before it is sent, then it, then nothing. */
  readonly goneBy: QueuedEntry | undefined;
  seq: number;
  attempt: number;
  runAt: number;
  /** When it was last sent something. */
  lastAt: number;
  busy: boolean;
  /** Whether the database may know more of it than is remembered here. */
  outdated: boolean;
}

/** Rows that are looked at for one batch. */
export const MAX_ROWS = 100;

/** How far an endpoint has come. */
export interface Progress {
  readonly seq: number;
  /** Rows for it alone that are done. */
  readonly done: readonly number[];
}

export interface Batch {
  /** Empty: there is nothing to send. */
  readonly body: Uint8Array;
  readonly types: readonly string[];
  /** Whether or not the batch arrives: what before it was not for the endpoint, or too old. */
  readonly before: Progress;
  /** When the batch has arrived. */
  readonly after: Progress;
  /** What before it was too old. */
  readonly givenUp: readonly DeliveryLine[];
  /** The row that says that the endpoint is gone is among it, or before it. */
  readonly last: boolean;
  readonly over: boolean;
  /** Not all that waits fitted. */
  readonly more: boolean;
}

export interface BatchParts {
  readonly endpoint: Endpoint;
  /** Rows for all after the endpoint's place, in order. */
  readonly shared: readonly QueuedEntry[];
  /** Rows for it alone, in order. */
  readonly own: readonly QueuedEntry[];
  readonly encode: (entry: QueuedEntry) => Promise<readonly EncodedEvent[]>;
  readonly now: number;
}

export async function nextBatch({ endpoint, shared, own, encode, now }: BatchParts): Promise<Batch> {
  const { webhook, goneBy } = endpoint;
  const until = goneBy?.seq ?? Number.POSITIVE_INFINITY;
  const rows = [...shared.filter(({ seq }) => seq < until), ...own].sort((a, b) => a.seq - b.seq);
  const isWanted = (type: string): boolean => isSubscribed(webhook.subscriptions, type);
  const chosen: { readonly row: QueuedEntry; readonly events: readonly EncodedEvent[] }[] = [];
  const passed: QueuedEntry[] = [];
  const tooOld: QueuedEntry[] = [];
  for (const row of rows) {
    const wanted = entryOf(row.payload).events.some(({ type }) => isWanted(type));
    const young = row.createdAt >= now - GIVE_UP_MS;
    if (wanted && !young) tooOld.push(row);
    const events = wanted && young ? (await encode(row)).filter(({ type }) => isWanted(type)) : [];
    if (events.length === 0) passed.push(row);
    else chosen.push({ row, events });
  }
  const contents = chosen.map(({ events }) => events);
  const body = contents.length === 0 ? { text: '', entries: 0 } : bodyOf(webhook.providerType, contents);
  const first = chosen[0]?.row.seq ?? Number.POSITIVE_INFINITY;
  const rest = chosen[body.entries]?.row.seq ?? Number.POSITIVE_INFINITY;
  const taken = chosen.slice(0, body.entries);
  const before = passed.filter(({ seq }) => seq < first);
  const after = [...passed.filter(({ seq }) => seq < rest), ...taken.map(({ row }) => row)];
  return {
    body: Buffer.from(body.text),
    types: taken.flatMap(({ events }) => events.map(({ type }) => type)),
    before: progressOf(endpoint, before),
    after: progressOf(endpoint, after),
    givenUp: tooOld.filter(({ seq }) => seq < first).map((row) => givenUpLine(row, now)),
    over: goneBy !== undefined && before.includes(goneBy),
    last: goneBy !== undefined && after.includes(goneBy),
    more: body.entries < chosen.length || shared.length >= MAX_ROWS,
  };
}

function progressOf({ seq }: Endpoint, rows: readonly QueuedEntry[]): Progress {
  const shared = rows.filter(({ target }) => target === TO_ALL);
  return {
    seq: Math.max(seq, ...shared.map((row) => row.seq)),
    done: rows.filter(({ target }) => target !== TO_ALL).map(({ id }) => id),
  };
}

const givenUpLine = (row: QueuedEntry, now: number): DeliveryLine => ({
  event: entryOf(row.payload)
    .events.map(({ type }) => type)
    .join(','),
  status: null,
  error: `given up: not delivered within ${GIVE_UP_MS / DAY} days`,
  attempt: 0,
  at: now,
});
