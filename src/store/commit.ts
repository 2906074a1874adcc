/** The last statements of a write: its feed rows, audit events and outbox rows, and the organization's new head. */
import type { EntityKind } from '../domain/model/entities.ts';
import type { AuditEvent } from '../domain/model/operations.ts';
import type { AuditEntry, Change, OutboxEntry, WriteContext } from '../domain/ports/store.ts';
import { auditHash } from './audit-chain.ts';
import type { Engine, Statement } from './engine.ts';
import type { Head } from './heads.ts';
import type { IdLease } from './id-allocator.ts';
import type { StoredValue } from './rows.ts';
import { insertText } from './statements.ts';

/** Rows of one INSERT: far below both engines' limits on parameters. */
export const ROWS_PER_INSERT = 500;

export interface RecordedChange {
  readonly kind: EntityKind;
  readonly key: string;
  readonly before: object | null;
  readonly after: object | null;
}

export interface OrganizationWork {
  readonly changes: RecordedChange[];
  readonly audits: AuditEntry[];
  readonly outbox: OutboxEntry[];
}

export interface CommitParts {
  readonly engine: Engine;
  readonly ids: IdLease;
  readonly context: WriteContext;
  readonly now: number;
}

/** Also moves `head` on. The changes are what followers of this process get. */
export function commitStatements(
  parts: CommitParts,
  org: number,
  head: Head,
  work: OrganizationWork,
): { readonly changes: readonly Change[]; readonly statements: readonly Statement[] } {
  const changes = numberChanges(parts, org, head, work.changes);
  const statements = [
    ...insertAll(parts.engine, 'change', CHANGE_COLUMNS, changes.map(changeValues)),
    ...insertAll(parts.engine, 'auditEvent', AUDIT_COLUMNS, auditValues(parts, org, head, work.audits)),
    ...insertAll(parts.engine, 'outbox', OUTBOX_COLUMNS, outboxValues(parts, org, work.outbox)),
    updateHead(parts.engine, org, head),
  ];
  return { changes, statements };
}

function updateHead(engine: Engine, org: number, head: Head): Statement {
  const mark = engine.placeholder;
  return {
    sql: `UPDATE "organizationHead" SET "seq" = ${mark(1)}, "auditSeq" = ${mark(2)}, "auditHash" = ${mark(3)} WHERE "org" = ${mark(4)}`,
    parameters: [head.seq, head.auditSeq, head.auditHash, org],
  };
}

function insertAll(
  engine: Engine,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly StoredValue[])[],
): Statement[] {
  const statements: Statement[] = [];
  for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
    const chunk = rows.slice(from, from + ROWS_PER_INSERT);
    statements.push({
      sql: insertText(engine.placeholder, table, columns, chunk.length),
      parameters: chunk.flat(),
    });
  }
  return statements;
}

const CHANGE_COLUMNS = ['org', 'seq', 'kind', 'key', 'before', 'after', 'at'];

function numberChanges(
  parts: CommitParts,
  org: number,
  head: Head,
  recorded: readonly RecordedChange[],
): Change[] {
  return recorded.map(({ kind, key, before, after }): Change => {
    head.seq += 1;
    // What was recorded are rows of this very kind.
    return { org, seq: head.seq, kind, key, before: before as never, after: after as never, at: parts.now };
  });
}

const changeValues = (change: Change): StoredValue[] => [
  change.org,
  change.seq,
  change.kind,
  change.key,
  change.before === null ? null : JSON.stringify(change.before),
  change.after === null ? null : JSON.stringify(change.after),
  change.at,
];

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

/** An event must be writable whatever names it carries, and read back as it was hashed. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\uFFFD');
const storableOrNull = (text: string | undefined): string | null =>
  text === undefined ? null : storable(text);
const jsonOrNull = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

function auditValues(
  parts: CommitParts,
  org: number,
  head: Head,
  entries: readonly AuditEntry[],
): StoredValue[][] {
  const { by, origin } = parts.context;
  return entries.map((entry) => {
    head.auditSeq += 1;
    const event = {
      org,
      seq: head.auditSeq,
      prevHash: head.auditHash,
      at: parts.now,
      byKind: by.kind,
      byId: storable(by.id),
      byName: storable(by.name),
      origin,
      verb: entry.verb,
      objectKind: entry.objectKind,
      objectId: storable(String(entry.objectId)),
      objectName: storable(entry.objectName),
      field: storableOrNull(entry.field),
      before: jsonOrNull(entry.before),
      after: jsonOrNull(entry.after),
      network: entry.network ?? null,
      details: storableOrNull(entry.details),
    };
    head.auditHash = auditHash(event);
    const full: AuditEvent = { ...event, hash: head.auditHash };
    return AUDIT_COLUMNS.map((name) => full[name]);
  });
}

const OUTBOX_COLUMNS = ['org', 'id', 'kind', 'target', 'payload', 'createdAt', 'runAt', 'attempt'];

const outboxValues = (parts: CommitParts, org: number, entries: readonly OutboxEntry[]): StoredValue[][] =>
  entries.map((entry) => [
    org,
    parts.ids.take(),
    entry.kind,
    storable(entry.target),
    JSON.stringify(entry.payload) ?? 'null',
    parts.now,
    parts.now,
    0,
  ]);
