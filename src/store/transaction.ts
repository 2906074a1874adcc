/** One unit of work: entity rows, audit events, feed rows and outbox rows, written together. */
import { type EntityKind, entities, type Row } from '../domain/model/entities.ts';
import type { AuditEvent } from '../domain/model/operations.ts';
import type { AuditEntry, Change, OutboxEntry, Tx, WriteContext } from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';
import { auditHash } from './audit-chain.ts';
import type { Connection, Engine } from './engine.ts';
import type { IdAllocator } from './id-allocator.ts';
import { type Builder, createReader } from './reader.ts';
import { columnOf, encodeRow, encodeValue, keyText, keyValues, type StoredValue } from './rows.ts';
import type { Statements } from './statements.ts';

/** Rows of one INSERT: far below both engines' limits on parameters. */
const ROWS_PER_INSERT = 500;

interface Head {
  seq: number;
  auditSeq: number;
  auditHash: string;
}

interface OrganizationWork {
  readonly changes: { kind: EntityKind; key: string; before: unknown; after: unknown }[];
  readonly audits: AuditEntry[];
  readonly outbox: OutboxEntry[];
}

export interface Committed {
  readonly org: number;
  readonly changes: readonly Change[];
}

export interface TransactionParts {
  readonly engine: Engine;
  readonly connection: Connection;
  readonly statements: Statements;
  readonly builder: Builder;
  readonly ids: IdAllocator;
  readonly context: WriteContext;
  readonly now: number;
}

const textOrNull = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

export async function runWork<T>(
  parts: TransactionParts,
  work: (tx: Tx) => Promise<T>,
): Promise<{ readonly result: T; readonly committed: readonly Committed[] }> {
  const { engine, connection, statements, ids, context, now } = parts;
  const heads = await lockHeads(engine, connection, context.orgs);
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
  const record = (kind: EntityKind, org: number, before: object | null, after: object | null): void => {
    const row = after ?? before;
    if (row === null) return;
    workOf(org).changes.push({
      kind,
      key: keyText(kind, row as never),
      before: entities[kind].volatile ? null : before,
      after,
    });
  };
  const guarded = async <V>(statement: Promise<V>): Promise<V> => {
    try {
      return await statement;
    } catch (error) {
      const columns = engine.violatedColumns(error);
      if (columns === undefined) throw error;
      const field = columns.findLast((name) => name !== 'org') ?? 'id';
      throw new AppError('taken', `${field} is already in use`, { field, cause: error });
    }
  };
  const reader = createReader(engine.name, connection, statements, parts.builder);

  const insertAll = async <K extends EntityKind>(kind: K, rows: readonly Row<K>[]): Promise<void> => {
    for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
      const chunk = rows.slice(from, from + ROWS_PER_INSERT);
      const parameters = chunk.flatMap((row) => encodeRow(kind, row));
      await guarded(connection.run(statements.insert(kind, chunk.length), parameters));
      for (const row of chunk) record(kind, row.org, null, row);
    }
  };

  const tx: Tx = {
    ...reader,
    now,
    newId: ids.take,
    insert: async (kind, row) => {
      await insertAll(kind, [row]);
      return row;
    },
    insertAll,
    update: async (kind, org, key, patch) => {
      workOf(org);
      const before = await reader.get(kind, org, key);
      if (before === undefined) throw new AppError('not_found', `${kind} not found`);
      const changed = Object.entries(patch).filter(
        ([name, value]) =>
          value !== undefined &&
          encodeValue(columnOf(kind, name), value) !==
            encodeValue(columnOf(kind, name), before[name as keyof typeof before]),
      );
      if (changed.length === 0) return before;
      const after = { ...before, ...Object.fromEntries(changed) };
      const names = changed.map(([name]) => name);
      const values = changed.map(([name, value]) => encodeValue(columnOf(kind, name), value));
      await guarded(
        connection.run(statements.update(kind, names), [...values, org, ...keyValues(kind, key)]),
      );
      record(kind, org, before, after);
      return after;
    },
    put: async (kind, row) => {
      const before = entities[kind].volatile
        ? undefined
        : await reader.get(kind, row.org, keyOf(kind, row) as never);
      await guarded(connection.run(statements.upsert(kind), encodeRow(kind, row)));
      record(kind, row.org, before ?? null, row);
    },
    remove: async (kind, org, key) => {
      workOf(org);
      const before = await reader.get(kind, org, key);
      if (before === undefined) return false;
      await connection.run(statements.remove(kind), [org, ...keyValues(kind, key)]);
      // A volatile row that goes must still be named: its key is all that followers need.
      workOf(org).changes.push({
        kind,
        key: keyText(kind, before),
        before: entities[kind].volatile ? null : before,
        after: null,
      });
      return true;
    },
    audit: (org, entry) => {
      workOf(org).audits.push(entry);
    },
    enqueue: (org, entry) => {
      workOf(org).outbox.push(entry);
    },
  };

  const result = await work(tx);
  const committed: Committed[] = [];
  for (const [org, done] of works) {
    const head = heads.get(org);
    if (
      head === undefined ||
      (done.changes.length === 0 && done.audits.length === 0 && done.outbox.length === 0)
    )
      continue;
    if (done.audits.length === 0 && done.changes.some(({ kind }) => !entities[kind].volatile)) {
      throw new Error(
        `a write changed ${done.changes.map(({ kind }) => kind).join(', ')} without an audit event`,
      );
    }
    committed.push({ org, changes: await writeChanges(parts, org, head, done) });
    await writeAudits(parts, org, head, done.audits);
    await writeOutbox(parts, org, done.outbox);
    await connection.run(
      `UPDATE "organizationHead" SET "seq" = ${engine.placeholder(1)}, "auditSeq" = ${engine.placeholder(2)}, "auditHash" = ${engine.placeholder(3)} WHERE "org" = ${engine.placeholder(4)}`,
      [head.seq, head.auditSeq, head.auditHash, org],
    );
  }
  return { result, committed };
}

const keyOf = (kind: EntityKind, row: object): unknown => {
  const names: readonly string[] = entities[kind].key;
  const values = row as Readonly<Record<string, unknown>>;
  return names.length === 1 && names[0] === 'id'
    ? values.id
    : Object.fromEntries(names.map((name) => [name, values[name]]));
};

/**
 * Locks the heads of the organizations in order of their ids, so that two writes never wait for each other. Whoever holds
 * a head is alone in writing to that organization: checks made inside a write stay true until it commits.
 */
async function lockHeads(
  engine: Engine,
  connection: Connection,
  orgs: readonly number[],
): Promise<Map<number, Head>> {
  const heads = new Map<number, Head>();
  const select = `SELECT "seq", "auditSeq", "auditHash" FROM "organizationHead" WHERE "org" = ${engine.placeholder(1)}${engine.forUpdate}`;
  for (const org of [...new Set(orgs)].sort((a, b) => a - b)) {
    let [row] = await connection.run(select, [org]);
    if (row === undefined) {
      await connection.run(
        `INSERT INTO "organizationHead" ("org", "seq", "auditSeq", "auditHash") VALUES (${engine.placeholder(1)}, 0, 0, '') ON CONFLICT DO NOTHING`,
        [org],
      );
      [row] = await connection.run(select, [org]);
    }
    heads.set(org, {
      seq: Number(row?.seq ?? 0),
      auditSeq: Number(row?.auditSeq ?? 0),
      auditHash: String(row?.auditHash ?? ''),
    });
  }
  return heads;
}

/** One INSERT for many rows of a table that the store keeps for itself. */
async function insertRows(
  { engine, connection }: TransactionParts,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly StoredValue[])[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
    const chunk = rows.slice(from, from + ROWS_PER_INSERT);
    const tuples = chunk.map(
      (_, row) =>
        `(${columns.map((_name, index) => engine.placeholder(row * columns.length + index + 1)).join(', ')})`,
    );
    const names = columns.map((name) => `"${name}"`).join(', ');
    await connection.run(`INSERT INTO "${table}" (${names}) VALUES ${tuples.join(', ')}`, chunk.flat());
  }
}

async function writeChanges(
  parts: TransactionParts,
  org: number,
  head: Head,
  work: OrganizationWork,
): Promise<Change[]> {
  const changes = work.changes.map(({ kind, key, before, after }): Change => {
    head.seq += 1;
    // `record` was given rows of this very kind.
    return { org, seq: head.seq, kind, key, before: before as never, after: after as never, at: parts.now };
  });
  await insertRows(
    parts,
    'change',
    ['org', 'seq', 'kind', 'key', 'before', 'after', 'at'],
    changes.map((change) => [
      org,
      change.seq,
      change.kind,
      change.key,
      change.before === null ? null : JSON.stringify(change.before),
      change.after === null ? null : JSON.stringify(change.after),
      change.at,
    ]),
  );
  return changes;
}

const AUDIT_COLUMNS = [
  'org',
  'seq',
  'prevHash',
  'hash',
  'at',
  'byKind',
  'byId',
  'byName',
  'origin',
  'verb',
  'objectKind',
  'objectId',
  'objectName',
  'field',
  'before',
  'after',
  'network',
  'details',
] as const satisfies readonly (keyof AuditEvent)[];

async function writeAudits(
  parts: TransactionParts,
  org: number,
  head: Head,
  entries: readonly AuditEntry[],
): Promise<void> {
  const { by, origin } = parts.context;
  const rows = entries.map((entry) => {
    head.auditSeq += 1;
    const event = {
      org,
      seq: head.auditSeq,
      prevHash: head.auditHash,
      at: parts.now,
      byKind: by.kind,
      byId: by.id,
      byName: by.name,
      origin,
      verb: entry.verb,
      objectKind: entry.objectKind,
      objectId: String(entry.objectId),
      objectName: entry.objectName,
      field: entry.field ?? null,
      before: textOrNull(entry.before),
      after: textOrNull(entry.after),
      network: entry.network ?? null,
      details: entry.details ?? null,
    };
    head.auditHash = auditHash(event);
    const full: AuditEvent = { ...event, hash: head.auditHash };
    return AUDIT_COLUMNS.map((name) => full[name]);
  });
  if (rows.length > 0) await insertRows(parts, 'auditEvent', AUDIT_COLUMNS, rows);
}

async function writeOutbox(
  parts: TransactionParts,
  org: number,
  entries: readonly OutboxEntry[],
): Promise<void> {
  const rows = entries.map((entry) => [
    org,
    parts.ids.take(),
    entry.kind,
    entry.target,
    JSON.stringify(entry.payload),
    parts.now,
  ]);
  if (rows.length > 0)
    await insertRows(parts, 'outbox', ['org', 'id', 'kind', 'target', 'payload', 'createdAt'], rows);
}
