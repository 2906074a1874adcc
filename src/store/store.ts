/** The store over an engine: the one door to the database. */
import { setTimeout as delay } from 'node:timers/promises';
import { isEntityKind } from '../domain/model/entities.ts';
import type { AuditEvent } from '../domain/model/operations.ts';
import { type Change, INSTALLATION, type Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Engine } from './engine.ts';
import { createIdAllocator } from './id-allocator.ts';
import { createQueries } from './queries/index.ts';
import { createBuilder, createReader, runBuilt } from './reader.ts';
import { decodeRow, type StoredRow } from './rows.ts';
import { createStatements } from './statements.ts';
import { type Committed, runWork } from './transaction.ts';

const MAX_ATTEMPTS = 8;
const RETRY_BASE_MS = 5;
/** Ids that a write may take without having said so. */
const IDS_PER_WRITE = 64;

type Listener = (org: number, changes: readonly Change[] | undefined) => void;

/** Over a migrated database. The store owns the engine and closes it. */
export function createStore({ engine, clock }: { readonly engine: Engine; readonly clock: Clock }): Store {
  const statements = createStatements(engine.placeholder);
  const builder = createBuilder(engine);
  const ids = createIdAllocator(engine);
  const listeners = new Set<Listener>();
  const mark = engine.placeholder;

  const publish = ({ org, changes }: Committed): void => {
    for (const listener of listeners) listener(org, changes);
    engine.announce(org);
  };
  engine.onAnnounced((org) => {
    for (const listener of listeners) listener(org, undefined);
  });

  return {
    engine: engine.name,
    ...createReader(engine.name, engine, statements, builder),
    queries: createQueries(engine),

    newId: async () => {
      await ids.reserve(1);
      return ids.take();
    },

    write: async (context, work) => {
      for (let attempt = 1; ; attempt += 1) {
        await ids.reserve(context.ids ?? IDS_PER_WRITE);
        try {
          const now = clock.now();
          const done = await engine.transaction((connection) =>
            runWork({ engine, connection, statements, builder, ids, context, now }, work),
          );
          for (const committed of done.committed) publish(committed);
          return done.result;
        } catch (error) {
          if (attempt >= MAX_ATTEMPTS || !engine.isRetryable(error)) throw error;
          await delay(RETRY_BASE_MS * 2 ** attempt);
        }
      }
    },

    organizationBy: async (column, value) => {
      const query = builder
        .selectFrom('organization')
        .selectAll()
        .where('org', '=', INSTALLATION)
        .where(column, '=', value);
      const [row] = await runBuilt(engine, query);
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
      return (await runBuilt(engine, query)) as unknown as AuditEvent[];
    },

    auditHead: async (org) => {
      const rows = await engine.run(
        `SELECT "auditSeq", "auditHash" FROM "organizationHead" WHERE "org" = ${mark(1)}`,
        [org],
      );
      return { auditSeq: Number(rows[0]?.auditSeq ?? 0), auditHash: String(rows[0]?.auditHash ?? '') };
    },

    feed: {
      heads: async (orgs) => {
        if (orgs.length === 0) return new Map();
        const query = builder
          .selectFrom('organizationHead')
          .select(['org', 'seq'])
          .where('org', 'in', [...orgs]);
        const rows = await runBuilt(engine, query);
        return new Map(rows.map((row) => [Number(row.org), Number(row.seq)]));
      },
      read: async (org, afterSeq, limit) => {
        const query = builder
          .selectFrom('change')
          .selectAll()
          .where('org', '=', org)
          .where('seq', '>', afterSeq)
          .orderBy('seq')
          .limit(limit);
        return (await runBuilt(engine, query)).flatMap(decodeChange);
      },
      onCommit: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },

    close: () => engine.close(),
  };
}

function decodeChange(row: StoredRow): Change[] {
  const kind = String(row.kind);
  // A kind that this program does not know was written by a newer one: nothing here can depend on it.
  if (!isEntityKind(kind)) return [];
  const parse = (value: unknown): never | null =>
    typeof value === 'string' ? (JSON.parse(value) as never) : null;
  return [
    {
      org: Number(row.org),
      seq: Number(row.seq),
      kind,
      key: String(row.key),
      before: parse(row.before),
      after: parse(row.after),
      at: Number(row.at),
    },
  ];
}
