/**
 * Delivers what organizations log to where they want it. The logs are their own queues: audit events are written in the very
 * transaction that they tell of, flow logs before a client's upload is acknowledged; both are numbered, and a stream has a
 * place in those numbers. So a stream costs a write nothing, entries keep their order, and a crash loses none: what was sent
 * and not yet noted is sent again, under the same numbers.
 */
import { counted, countsOf } from '../../domain/log-streams/stream-counts.ts';
import type { LogStreamCursor, LogStreamQueue, QueuedStream } from '../../domain/ports/log-stream-queue.ts';
import type { ChangeFeed } from '../../domain/ports/store.ts';
import type { NamedLease } from '../../domain/ports/webhook-queue.ts';
import { type Clock, MINUTE, SECOND } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { retryDelay } from '../backoff.ts';
import { createLeasedLoop } from '../leased-loop.ts';
import type { Exchange, IncomingAnswer } from '../outgoing/exchange.ts';
import type { Destination, StreamTarget } from './destination.ts';
import { fitting, type LogEntry, MAX_ENTRIES } from './entries.ts';

export interface StreamDeliveryParts {
  readonly queue: LogStreamQueue;
  /** Entries of a log after a number, in order. */
  readonly entries: (stream: QueuedStream, after: number, limit: number) => Promise<readonly LogEntry[]>;
  /** The stream as it is configured now; undefined: it is gone. */
  readonly open: (stream: QueuedStream) => Promise<OpenedStream | undefined>;
  readonly exchange: Exchange;
  readonly lease: NamedLease;
  readonly feed: Pick<ChangeFeed, 'onCommit'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly onError: (error: unknown) => void;
  readonly spacingMs?: number;
  readonly pollMs?: number;
  readonly lingerMs?: number;
}

export interface OpenedStream {
  readonly target: StreamTarget;
  readonly destination: Destination;
}

export interface StreamDelivery {
  start(): void;
  close(): Promise<void>;
}

/** Where nothing else is asked for: many entries are few requests. */
const SPACING_MS = 5 * SECOND;
const MAX_RUNNING = 32;

interface Running {
  /** When the stream was last sent something by this process. */
  lastAt: number;
  busy: boolean;
}

export function createStreamDelivery(parts: StreamDeliveryParts): StreamDelivery {
  const { queue, entries, open, exchange, clock, random, onError, spacingMs = SPACING_MS } = parts;
  const states = new Map<string, Running>();
  const underWay = new Set<Promise<void>>();

  /** Where a stream stands. One that was set anew begins with what was logged since. */
  const placeOf = async (
    { org, logType, createdAt, updatedAt }: QueuedStream,
    cursor: LogStreamCursor | undefined,
  ): Promise<LogStreamCursor> => {
    if (cursor?.since === createdAt) {
      return cursor.triedAt === updatedAt ? cursor : { ...cursor, attempt: 0, runAt: 0, triedAt: updatedAt };
    }
    const seq = await queue.placeAt(org, logType, createdAt);
    const fresh = { attempt: 0, runAt: 0, counts: {}, lastActivity: null, lastError: '' };
    return { org, logType, since: createdAt, seq, triedAt: updatedAt, ...fresh };
  };

  const send = async (
    { target, destination }: OpenedStream,
    batch: readonly LogEntry[],
    mayGoOn: () => boolean,
  ): Promise<{ readonly bytes: number; readonly problem: string | undefined; readonly unknown: boolean }> => {
    let bytes = 0;
    try {
      const request = await destination.request({ target, entries: batch }, loop.signal);
      bytes = Buffer.byteLength(request.body);
      // Getting here may have taken long: another process may be sending the same by now.
      if (!mayGoOn()) return { bytes, problem: undefined, unknown: true };
      const answer = await exchange(request, loop.signal);
      return { bytes, problem: problemOf(destination, answer), unknown: false };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // Stopped: whether it arrived is not known, and it is sent again after the start.
      return { bytes, problem, unknown: loop.signal.aborted };
    }
  };

  const deliver = async (stream: QueuedStream, state: Running): Promise<void> => {
    const mayGoOn = loop.turn();
    // Read here and not with the list of streams, which may be older than what was noted of the delivery before this one.
    const noted = await queue.cursor(stream.org, stream.logType);
    const place = await placeOf(stream, noted);
    if (clock.now() < place.runAt) return;
    if (place !== noted) await queue.record(place);
    const opened = await open(stream);
    if (opened === undefined) return;
    const period = Math.max(opened.target.config.uploadPeriodMinutes * MINUTE, spacingMs);
    if (place.attempt === 0 && clock.now() < Math.max(state.lastAt, place.lastActivity ?? 0) + period) return;
    let cursor = place;
    do {
      const waiting = await entries(stream, cursor.seq, MAX_ENTRIES);
      const batch = fitting(waiting);
      const last = batch.at(-1);
      if (last === undefined) return;
      const { bytes, problem, unknown } = await send(opened, batch, mayGoOn);
      if (unknown) return;
      const ok = problem === undefined;
      const now = clock.now();
      const attempt = ok ? 0 : cursor.attempt + 1;
      cursor = {
        ...cursor,
        seq: ok ? last.seq : cursor.seq,
        attempt,
        runAt: ok ? 0 : now + retryDelay(attempt, random),
        counts: counted(countsOf(cursor.counts), { bytes, entries: batch.length, ok }, now),
        lastActivity: now,
        lastError: problem ?? '',
      };
      state.lastAt = now;
      await queue.record(cursor);
      // What did not fit one request follows at once.
      if (!ok || (batch.length === waiting.length && waiting.length < MAX_ENTRIES)) return;
    } while (mayGoOn());
  };

  const begin = (stream: QueuedStream, state: Running): void => {
    state.busy = true;
    const done = deliver(stream, state)
      .catch(onError)
      .finally(() => {
        state.busy = false;
        underWay.delete(done);
      });
    underWay.add(done);
  };

  const loop = createLeasedLoop({
    ...parts,
    // Every audited write is an entry; which ones are does not show in the changes, and looking costs one question.
    isHint: (changes) => changes.some(({ kind }) => kind === 'logStream'),
    onTaken: () => undefined,
    round: async () => {
      const streams = await queue.streams();
      const now = clock.now();
      const keys = new Set<string>();
      for (const stream of streams) {
        const { org, logType, createdAt, updatedAt, cursor, head } = stream;
        const key = `${org}/${logType}`;
        keys.add(key);
        const state = states.get(key) ?? { lastAt: 0, busy: false };
        states.set(key, state);
        const known = cursor?.since === createdAt ? cursor : undefined;
        const waits = known === undefined || head > known.seq;
        const due = known === undefined || known.triedAt !== updatedAt || now >= known.runAt;
        if (state.busy || !waits || !due || underWay.size >= MAX_RUNNING || !loop.isOurs()) continue;
        begin(stream, state);
      }
      for (const [key, { busy }] of states) if (!keys.has(key) && !busy) states.delete(key);
    },
    settled: () => Promise.all(underWay),
  });

  return { start: loop.start, close: loop.close };
}

const LOWEST_ERROR = 300;
const LOWEST_SUCCESS = 200;

function problemOf(destination: Destination, answer: IncomingAnswer): string | undefined {
  const { status } = answer;
  if (status < LOWEST_SUCCESS || status >= LOWEST_ERROR) return `the destination answered ${status}`;
  return destination.problem?.(answer);
}
