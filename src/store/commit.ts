/** The last statements of a write: its feed rows, audit events and outbox rows, and the organization's new head. */
import type { EntityKind } from '../domain/model/entities.ts';
import type { AuditEvent } from '../domain/model/operations.ts';
import {
  type AuditEntry,
  type Change,
  changeOf,
  type DeriveOutbox,
  type OutboxEntry,
  type WriteContext,
} from '../domain/ports/store.ts';
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
  readonly derive?: DeriveOutbox | undefined;
}

/** Also moves `head` on. The changes are what followers of this process get. */
export function commitStatements(
  parts: CommitParts,
  org: number,
  head: Head,
  work: OrganizationWork,
): { readonly changes: readonly Change[]; readonly statements: readonly Statement[] } {
  const changes = numberChanges(parts, org, head, work.changes);
  const derived = parts.derive?.({ org, by: parts.context.by, changes }) ?? [];
  const statements = [
    ...insertAll(parts.engine, 'change', CHANGE_COLUMNS, changes.map(changeValues)),
    ...insertAll(parts.engine, 'auditEvent', AUDIT_COLUMNS, auditValues(parts, org, head, work.audits)),
    ...outboxStatements(parts, org, head, [...work.outbox, ...derived]),
    updateHead(parts.engine, org, head),
  ];
  return { changes, statements };
}

function updateHead(engine: Engine, org: number, head: Head): Statement {
  const mark = engine.placeholder;
  return {
    sql: `UPDATE "organizationHead" SET "seq" = ${mark(1)}, "auditSeq" = ${mark(2)}, "auditHash" = ${mark(3)}, "outboxSeq" = ${mark(4)} WHERE "org" = ${mark(5)}`,
    parameters: [head.seq, head.auditSeq, head.auditHash, head.outboxSeq, org],
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
  return recorded.map(({ kind, key, before, after }) => {
    head.seq += 1;
    return changeOf({ org, seq: head.seq, kind, key, before, after, at: parts.now });
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

const OUTBOX_COLUMNS = ['org', 'id', 'seq', 'kind', 'target', 'payload', 'createdAt', 'runAt', 'attempt'];
const OUTBOX_TEXTS: ReadonlySet<string> = new Set(['kind', 'target', 'payload']);

function outboxStatements(
  parts: CommitParts,
  org: number,
  head: Head,
  entries: readonly OutboxEntry[],
): Statement[] {
  const values = (entry: OutboxEntry): StoredValue[] => {
    head.outboxSeq += 1;
    return [
      org,
      parts.ids.take(),
      head.outboxSeq,
      entry.kind,
      storable(entry.target),
      JSON.stringify(entry.payload) ?? 'null',
      parts.now,
      parts.now,
      0,
    ];
  };
  const certain = entries.filter(({ onlyWith }) => onlyWith === undefined);
  const conditional = entries.flatMap((entry) =>
    entry.onlyWith === undefined ? [] : ([[entry, entry.onlyWith]] as const),
  );
  return [
    ...insertAll(parts.engine, 'outbox', OUTBOX_COLUMNS, certain.map(values)),
    ...conditional.map(([entry, kind]) => insertWith(parts.engine, kind, values(entry))),
  ];
}

/** Writes an outbox row if the organization has a row of `kind` then: one statement instead of a question before it. */
function insertWith({ placeholder, types }: Engine, kind: EntityKind, values: StoredValue[]): Statement {
  const columns = OUTBOX_COLUMNS.map((name) => `"${name}"`).join(', ');
  // In a SELECT the numbers' type is not told by their columns.
  const cast = OUTBOX_COLUMNS.map((name, index) =>
    OUTBOX_TEXTS.has(name) ? placeholder(index + 1) : `CAST(${placeholder(index + 1)} AS ${types.integer})`,
  ).join(', ');
  const org = placeholder(OUTBOX_COLUMNS.length + 1);
  return {
    sql: `INSERT INTO "outbox" (${columns}) SELECT ${cast} WHERE EXISTS (SELECT 1 FROM "${kind}" WHERE "org" = ${org})`,
    parameters: [...values, values[0] ?? null],
  };
}
