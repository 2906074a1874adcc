/** One unit of work: entity rows, audit events, feed rows and outbox rows, written together. */
import { type EntityKind, entities, type Row } from '../domain/model/entities.ts';
import type { Change, DeriveOutbox, Tx, WriteContext } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { commitStatements, type OrganizationWork, ROWS_PER_INSERT } from './commit.ts';
import type { Connection, Engine, Statement } from './engine.ts';
import { lockStatement, readHeads } from './heads.ts';
import type { IdLease } from './id-allocator.ts';
import { type Builder, createReader } from './reader.ts';
import {
  columnOf,
  decodeRow,
  decodeValues,
  encodeRow,
  encodeValue,
  keyText,
  keyValues,
  type StoredRow,
  type StoredValue,
  sameValue,
} from './rows.ts';
import type { Statements } from './statements.ts';
import { createTurns, guardConnection } from './transaction-guard.ts';

export interface Committed {
  readonly org: number;
  readonly changes: readonly Change[];
}

export interface TransactionParts {
  readonly engine: Engine;
  readonly statements: Statements;
  readonly builder: Builder;
  readonly ids: IdLease;
  readonly context: WriteContext;
  /** Ascending, without repetition. */
  readonly orgs: readonly number[];
  readonly clock: Clock;
  readonly derive?: DeriveOutbox | undefined;
}

export interface Done<T> {
  readonly result: T;
  readonly committed: readonly Committed[];
}

export function runWork<T>(parts: TransactionParts, work: (tx: Tx) => Promise<T>): Promise<Done<T>> {
  const { engine, orgs } = parts;
  return engine.unitOfWork({
    first: lockStatement(engine, orgs),
    work: (connection, rows) => workUnderLock(parts, connection, rows, work),
  });
}

async function workUnderLock<T>(
  parts: TransactionParts,
  raw: Connection,
  lockedRows: readonly StoredRow[],
  work: (tx: Tx) => Promise<T>,
): Promise<{ readonly result: Done<T>; readonly last: readonly Statement[] }> {
  const { engine, ids, context, clock, derive } = parts;
  const heads = await readHeads(engine, raw, parts.orgs, lockedRows);
  // Read under the lock: times of an organization's changes rise with their numbers, as far as the clock does.
  const now = clock.now();
  const works = new Map<number, OrganizationWork>();
  const workOf = (org: number): OrganizationWork => {
    if (!heads.has(org)) throw new Error(`organization ${org} was not named in the write's context`);
    let found = works.get(org);
    if (found === undefined) {
      found = { changes: [], audits: [], outbox: [] };
      works.set(org, found);
    }
    return found;
  };

  const guard = guardConnection(raw, (error) => takenError(engine, error));
  const turns = createTurns();
  const tx: Tx = {
    ...createReader(guard.connection, parts.statements, parts.builder),
    ...createWriter(parts.statements, guard.connection, turns.inTurn, workOf, now),
    now,
    newId: ids.take,
    audit: (org, entry) => {
      workOf(org).audits.push(entry);
    },
    enqueue: (org, entry) => {
      workOf(org).outbox.push(entry);
    },
  };
  try {
    const result = await work(tx);
    if (turns.waiting() || guard.running()) {
      throw new Error('a write ended while an operation of it was still running: await every operation');
    }
    guard.rethrow();
    const committed: Committed[] = [];
    const last: Statement[] = [];
    for (const [org, done] of works) {
      const head = heads.get(org);
      if (head === undefined || isEmpty(done)) continue;
      requireAudit(done);
      const { changes, statements } = commitStatements(
        { engine, ids, context, now, derive },
        org,
        head,
        done,
      );
      committed.push({ org, changes });
      last.push(...statements);
    }
    return { result: { result, committed }, last };
  } finally {
    guard.end();
  }
}

const isEmpty = ({ changes, audits, outbox }: OrganizationWork): boolean =>
  changes.length === 0 && audits.length === 0 && outbox.length === 0;

function requireAudit({ changes, audits }: OrganizationWork): void {
  if (audits.length > 0) return;
  const unaudited = changes.filter(({ kind }) => !entities[kind].volatile);
  if (unaudited.length === 0) return;
  const kinds = [...new Set(unaudited.map(({ kind }) => kind))].join(', ');
  throw new Error(`a write changed ${kinds} without an audit event`);
}

/** `taken` with the last column of the key that the write ran into: the one that tells rows of one parent apart. */
function takenError(engine: Engine, error: unknown): unknown {
  const columns = engine.violatedColumns(error);
  if (columns === undefined) return error;
  const field = columns.findLast((name) => name !== 'org') ?? 'id';
  return new AppError('taken', `${field} is already in use`, { field, cause: error });
}

type Writer = Pick<Tx, 'insert' | 'insertAll' | 'update' | 'put' | 'remove'>;

function createWriter(
  statements: Statements,
  connection: Connection,
  inTurn: <V>(operation: () => Promise<V>) => Promise<V>,
  workOf: (org: number) => OrganizationWork,
  now: number,
): Writer {
  const record = (kind: EntityKind, org: number, before: object | null, after: object | null): void => {
    const row = after ?? before;
    if (row === null) return;
    workOf(org).changes.push({
      kind,
      key: keyText(kind, row as Readonly<Record<string, unknown>>),
      before: entities[kind].volatile ? null : before,
      after,
    });
  };
  const stored = async <K extends EntityKind>(
    kind: K,
    org: number,
    key: readonly StoredValue[],
  ): Promise<Row<K> | undefined> => {
    const [row] = await connection.run(statements.selectByKey(kind), [org, ...key]);
    return row === undefined ? undefined : decodeRow(kind, row);
  };

  const insertAll = async <K extends EntityKind>(kind: K, rows: readonly Row<K>[]): Promise<Row<K>[]> => {
    const inserted: Row<K>[] = [];
    const coded = rows.map((row) => {
      workOf(row.org);
      return encodeRow(kind, row);
    });
    for (let from = 0; from < coded.length; from += ROWS_PER_INSERT) {
      const chunk = coded.slice(from, from + ROWS_PER_INSERT);
      await connection.run(statements.insert(kind, chunk.length), chunk.flat());
      for (const values of chunk) {
        // As a reader will see it: a row of its own, without whatever else the caller's object holds.
        const row = decodeValues(kind, values);
        record(kind, row.org, null, row);
        inserted.push(row);
      }
    }
    return inserted;
  };

  return {
    insert: (kind, row) =>
      inTurn(async () => {
        const [inserted] = await insertAll(kind, [row]);
        return inserted ?? row;
      }),
    insertAll: (kind, rows) =>
      inTurn(async () => {
        await insertAll(kind, rows);
      }),
    update: (kind, org, key, patch) =>
      inTurn(async () => {
        workOf(org);
        const keys = keyValues(kind, key);
        const before = await stored(kind, org, keys);
        if (before === undefined) throw new AppError('not_found', `${kind} not found`);
        const changed = Object.entries(patch).filter(
          ([name, value]) =>
            value !== undefined &&
            !sameValue(columnOf(kind, name), name, value, before[name as keyof typeof before]),
        );
        if (changed.length === 0) return before;
        const fixed = changed.find(([name]) => name === 'org' || keyNames(kind).includes(name));
        if (fixed !== undefined)
          throw new Error(`${fixed[0]} is part of the key of ${kind} and never changes`);
        const { touched } = entities[kind];
        if (touched !== undefined && !Object.hasOwn(patch, touched)) changed.push([touched, now]);
        const after = decodeValues(kind, encodeRow(kind, { ...before, ...Object.fromEntries(changed) }));
        const names = changed.map(([name]) => name);
        const values = changed.map(([name, value]) => encodeValue(columnOf(kind, name), value, name));
        await connection.run(statements.update(kind, names), [...values, org, ...keys]);
        record(kind, org, before, after);
        return after;
      }),
    put: (kind, row) =>
      inTurn(async () => {
        workOf(row.org);
        const values = encodeRow(kind, row);
        // Volatile facts keep no history, so what stood there is not asked for.
        const before = entities[kind].volatile
          ? undefined
          : await stored(kind, row.org, keyValues(kind, row));
        if (before !== undefined && encodeRow(kind, before).every((value, index) => value === values[index]))
          return;
        await connection.run(statements.upsert(kind), values);
        record(kind, row.org, before ?? null, decodeValues(kind, values));
      }),
    remove: (kind, org, key) =>
      inTurn(async () => {
        workOf(org);
        const keys = keyValues(kind, key);
        const before = await stored(kind, org, keys);
        if (before === undefined) return false;
        await connection.run(statements.remove(kind), [org, ...keys]);
        record(kind, org, before, null);
        return true;
      }),
  };
}

const keyNames = (kind: EntityKind): readonly string[] => entities[kind].key;
