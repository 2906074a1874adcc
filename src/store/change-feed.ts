/** The change feed over an engine: its pages, and the commits of this process as they happen. */
import { isEntityKind } from '../domain/model/entities.ts';
import { type Change, type ChangeFeed, changeOf } from '../domain/ports/store.ts';
import type { Connection, Engine } from './engine.ts';
import { type Builder, runBuilt } from './reader.ts';
import type { StoredRow } from './rows.ts';
import type { Committed } from './transaction.ts';

type Listener = (org: number, changes: readonly Change[] | undefined) => void;

export interface PublishingFeed extends ChangeFeed {
  /** After a commit of this process; listeners' errors go to `onError`. */
  publish(committed: Committed): void;
}

export interface ChangeFeedParts {
  readonly engine: Engine;
  readonly reads: Connection;
  readonly builder: Builder;
  readonly onError: (error: unknown) => void;
}

export function createChangeFeed({ engine, reads, builder, onError }: ChangeFeedParts): PublishingFeed {
  const listeners = new Set<Listener>();
  const mark = engine.placeholder(1);
  const [before, after] = engine.lists.oneOf('"org"', 'integer');
  const selectHeads = `SELECT "org", "seq" FROM "organizationHead" WHERE ${before}${mark}${after}`;

  const tell = (org: number, changes: readonly Change[] | undefined): void => {
    for (const listener of listeners) {
      try {
        listener(org, changes);
      } catch (error) {
        onError(error);
      }
    }
  };
  engine.onAnnounced((org) => tell(org, undefined));

  const page: ChangeFeed['page'] = async (org, afterSeq, limit) => {
    const query = builder
      .selectFrom('change')
      .selectAll()
      .where('org', '=', org)
      .where('seq', '>', afterSeq)
      .orderBy('seq')
      .limit(limit);
    const rows = await runBuilt(reads, query);
    const last = rows.at(-1);
    return {
      changes: rows.flatMap(decodeChange),
      through: last === undefined ? afterSeq : Number(last.seq),
      prunedThrough: lastMissing(afterSeq, rows),
      end: rows.length < limit,
    };
  };

  return {
    heads: async (orgs) => {
      if (orgs.length === 0) return new Map();
      const rows = await reads.run(selectHeads, [engine.lists.encode(orgs)]);
      return new Map(rows.map((row) => [Number(row.org), Number(row.seq)]));
    },
    page,
    read: async (org, afterSeq, limit) => {
      const changes: Change[] = [];
      let from = afterSeq;
      for (;;) {
        const next = await page(org, from, limit - changes.length);
        changes.push(...next.changes);
        if (next.end || changes.length >= limit) return changes;
        from = next.through;
      }
    },
    onCommit: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    publish: ({ org, changes }) => {
      tell(org, changes);
      engine.announce(org);
    },
  };
}

/** Numbers leave no gap, so one that is not the next tells of rows that were pruned. */
function lastMissing(afterSeq: number, rows: readonly StoredRow[]): number {
  let missing = 0;
  let previous = afterSeq;
  for (const row of rows) {
    const seq = Number(row.seq);
    if (seq !== previous + 1) missing = seq - 1;
    previous = seq;
  }
  return missing;
}

function decodeChange(row: StoredRow): Change[] {
  const kind = String(row.kind);
  // A kind that this program does not know was written by a newer one: nothing here can depend on it.
  if (!isEntityKind(kind)) return [];
  const parse = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : null);
  return [
    changeOf({
      org: Number(row.org),
      seq: Number(row.seq),
      kind,
      key: String(row.key),
      before: parse(row.before),
      after: parse(row.after),
      at: Number(row.at),
    }),
  ];
}
