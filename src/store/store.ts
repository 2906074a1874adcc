/** The store over an engine: the one door to the database. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEvent } from '../domain/model/operations.ts';
import {
  type DeriveOutbox,
  INSTALLATION,
  type Store,
  type Tx,
  type WriteContext,
} from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { createChangeFeed } from './change-feed.ts';
import type { Connection, Engine } from './engine.ts';
import { createIdAllocator } from './id-allocator.ts';
import { createQueries } from './queries/index.ts';
import { createBuilder, createReader, runBuilt } from './reader.ts';
import { decodeRow } from './rows.ts';
import { createStatements } from './statements.ts';
import { type Done, runWork } from './transaction.ts';
import { createWriteQueue } from './write-queue.ts';

const MAX_ATTEMPTS = 8;
const RETRY_BASE_MS = 5;
/** Ids that a write may take without having said so. */
const IDS_PER_WRITE = 64;
/** Outbox rows that `derive` may add: one for each of its kinds. */
const DERIVED_PER_ORGANIZATION = 3;

export interface StoreParts {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Errors of listeners to commits: the commit stands, so its caller cannot be the one to hear of them. */
  readonly onError?: (error: unknown) => void;
  /** What follows from changes whatever caused them. */
  readonly derive?: DeriveOutbox;
}

/** Over a migrated database. The store owns the engine and closes it. */
export function createStore({ engine, clock, onError = () => undefined, derive }: StoreParts): Store {
  const statements = createStatements(engine);
  const builder = createBuilder(engine);
  const ids = createIdAllocator(engine);
  const queue = engine.concurrentWrites === undefined ? undefined : createWriteQueue(engine.concurrentWrites);
  const inWrite = new AsyncLocalStorage<true>();
  const mark = engine.placeholder;

  const translated = (error: unknown): unknown =>
    engine.isUnavailable(error)
      ? new AppError('unavailable', 'the database cannot be used at the moment', { cause: error })
      : error;
  const reads: Connection = {
    run: async (sql, parameters) => {
      try {
        return await engine.run(sql, parameters);
      } catch (error) {
        throw translated(error);
      }
    },
  };
  const feed = createChangeFeed({ engine, reads, builder, onError });

  /** One attempt. Whatever it threw, nothing of it stands. */
  const attemptWrite = async <T>(
    context: WriteContext,
    orgs: readonly number[],
    work: (tx: Tx) => Promise<T>,
  ): Promise<Done<T>> => {
    const leave = await queue?.enter(orgs);
    try {
      const derived = derive === undefined ? 0 : DERIVED_PER_ORGANIZATION * orgs.length;
      const lease = await ids.lease((context.ids ?? IDS_PER_WRITE) + derived);
      try {
        return await runWork({ engine, statements, builder, ids: lease, context, orgs, clock, derive }, work);
      } finally {
        lease.release();
      }
    } finally {
      leave?.();
    }
  };

  const write: Store['write'] = async (context, work) => {
    const orgs = [...new Set(context.orgs)].sort((a, b) => a - b);
    if (orgs.length === 0) throw new Error('a write must name the organizations that it may touch');
    // It would wait for the lock that its own caller holds, for good.
    if (inWrite.getStore() === true)
      throw new Error('a write began inside another write: use its transaction');
    for (let attempt = 1; ; attempt += 1) {
      try {
        const done = await attemptWrite(context, orgs, (tx) => inWrite.run(true, () => work(tx)));
        for (const committed of done.committed) feed.publish(committed);
        return done.result;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !engine.isRetryable(error)) throw translated(error);
        await delay(RETRY_BASE_MS * 2 ** attempt);
      }
    }
  };

  return {
    engine: engine.name,
    ...createReader(reads, statements, builder),
    queries: createQueries(engine, reads),
    write,

    newId: async () => {
      try {
        const lease = await ids.lease(1);
        return lease.take();
      } catch (error) {
        throw translated(error);
      }
    },

    organizationBy: async (column, value) => {
      const query = builder
        .selectFrom('organization')
        .selectAll()
        .where('org', '=', INSTALLATION)
        .where(column, '=', value);
      const [row] = await runBuilt(reads, query);
      return row === undefined ? undefined : decodeRow('organization', row);
    },

    auditEvents: async (org, { afterSeq, limit }) => {
      const query = builder
        .selectFrom('auditEvent')
        .selectAll()
        .where('org', '=', org)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit);
      return (await runBuilt(reads, query)) as unknown as AuditEvent[];
    },

    auditHead: async (org) => {
      const rows = await reads.run(
        `SELECT "auditSeq", "auditHash" FROM "organizationHead" WHERE "org" = ${mark(1)}`,
        [org],
      );
      return { auditSeq: Number(rows[0]?.auditSeq ?? 0), auditHash: String(rows[0]?.auditHash ?? '') };
    },

    feed,
    close: () => engine.close(),
  };
}
