/**
 * The store, as the domain sees it. Two engines implement it (SQLite, PostgreSQL); one case table of tests holds them to
 * the same behaviour.
 *
 * Reads take the organization first: there is no way to read a row by its id alone, save through `lookup`, which serves
 * the few keys that are unique in the installation and are secrets or names of organizations.
 */
import type { EntityKind, IdentifiedKind, KeyOf, Row } from '../model/entities.ts';
import type { AuditEvent, AuditOrigin, AuditVerb, By } from '../model/operations.ts';

/** Organization 0: the installation itself. */
export const INSTALLATION = 0;

/** The key of a row: its id, or its key columns where the key is not an id. */
export type RowKey<K extends EntityKind> = K extends IdentifiedKind ? number : KeyOf<K>;

type Scalar = string | number | boolean | null;

/** Columns that equal a value; a list stands for "one of". Columns of JSON cannot be asked for. */
export type Where<K extends EntityKind> = {
  readonly [C in keyof Row<K>]?: Row<K>[C] extends Scalar ? Row<K>[C] | readonly Row<K>[C][] : never;
};

export interface Filter<K extends EntityKind> {
  readonly column: keyof Row<K> & string;
  readonly operator:
    | '='
    | '!='
    | '<'
    | '<='
    | '>'
    | '>='
    | 'contains'
    | 'starts-with'
    | 'ends-with'
    | 'is-null'
    | 'not-null'
    | 'in'
    | 'not-in';
  readonly value?: Scalar | readonly Scalar[];
}

export interface ListOptions<K extends EntityKind> {
  readonly where?: Where<K>;
  /** All must hold. */
  readonly filters?: readonly Filter<K>[];
  /** At least one must hold. */
  readonly anyOf?: readonly Filter<K>[];
  /** The id is always the last order, so that the order is total. Default: by id. */
  readonly orderBy?: readonly { readonly column: keyof Row<K> & string; readonly descending?: boolean }[];
  /** Values of the order columns, id last, of the row after which to go on. */
  readonly after?: readonly Scalar[];
  /** At most this many rows; every list has a bound. */
  readonly limit: number;
}

export interface Reader {
  get<K extends EntityKind>(kind: K, org: number, key: RowKey<K>): Promise<Row<K> | undefined>;
  /** All rows that match, in the order of their key, at most `limit` (default 10,000: more is `too_large`). */
  find<K extends EntityKind>(kind: K, org: number, where: Where<K>, limit?: number): Promise<Row<K>[]>;
  /** A page in SQL: filters, order and position are evaluated by the database. */
  list<K extends EntityKind>(kind: K, org: number, options: ListOptions<K>): Promise<Row<K>[]>;
  count<K extends EntityKind>(
    kind: K,
    org: number,
    options?: Pick<ListOptions<K>, 'where' | 'filters' | 'anyOf'>,
  ): Promise<number>;
  /** By a key that is unique in the installation: the caller must hold the result against its own organization. */
  lookup(kind: 'credential', column: 'publicId', value: string): Promise<Row<'credential'> | undefined>;
  lookup(kind: 'device', column: 'nodeKey', value: string): Promise<Row<'device'> | undefined>;
  lookup(kind: 'invitation', column: 'tokenHash', value: string): Promise<Row<'invitation'> | undefined>;
}

export interface AuditEntry {
  readonly verb: AuditVerb;
  readonly objectKind: string;
  readonly objectId: string | number;
  readonly objectName: string;
  readonly field?: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly network?: number;
  readonly details?: string;
}

export interface OutboxEntry {
  readonly kind: 'webhook' | 'mail' | 'log-stream';
  readonly target: string;
  readonly payload: unknown;
}

/** A unit of work. Everything in it is committed together, with its audit events and feed rows, or not at all. */
export interface Tx extends Reader {
  /** The time of the write, the same for every row in it. */
  readonly now: number;
  newId(): number;
  insert<K extends EntityKind>(kind: K, row: Row<K>): Promise<Row<K>>;
  insertAll<K extends EntityKind>(kind: K, rows: readonly Row<K>[]): Promise<void>;
  /** Changes the columns given; `not_found` if there is no such row. A patch that changes nothing writes nothing. */
  update<K extends EntityKind>(kind: K, org: number, key: RowKey<K>, patch: Partial<Row<K>>): Promise<Row<K>>;
  /** Writes the row whether or not its key exists. */
  put<K extends EntityKind>(kind: K, row: Row<K>): Promise<void>;
  /** Whether there was such a row. */
  remove<K extends EntityKind>(kind: K, org: number, key: RowKey<K>): Promise<boolean>;
  /** One event of the organization's audit chain. A write that changes anything but volatile facts must give one. */
  audit(org: number, entry: AuditEntry): void;
  enqueue(org: number, entry: OutboxEntry): void;
}

export interface WriteContext {
  /** The organizations that the write may touch: their heads are locked, in order of their ids. */
  readonly orgs: readonly number[];
  readonly by: By;
  readonly origin: AuditOrigin;
  /** How many new ids the write may need; 64 unless said. */
  readonly ids?: number;
}

export interface Change<K extends EntityKind = EntityKind> {
  readonly org: number;
  /** Gapless in its organization. */
  readonly seq: number;
  readonly kind: K;
  /** The key's values joined by '/'. */
  readonly key: string;
  /** Null for volatile kinds and for new rows. */
  readonly before: Row<K> | null;
  /** Null when the row is gone. */
  readonly after: Row<K> | null;
  readonly at: number;
}

export interface ChangeFeed {
  /** The newest sequence of each organization that has one. */
  heads(orgs: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Changes after `seq` in order. */
  read(org: number, afterSeq: number, limit: number): Promise<Change[]>;
  /**
   * Calls back after each commit of this process with its changes, and, as a mere hint without changes, when another
   * process says that it wrote. Missing a hint must cost nothing but time.
   */
  onCommit(listener: (org: number, changes: readonly Change[] | undefined) => void): () => void;
}

export interface Store extends Reader {
  readonly engine: 'sqlite' | 'postgres';
  readonly feed: ChangeFeed;
  /** An id for a thing that must be known before its write, such as a new organization. */
  newId(): Promise<number>;
  write<T>(context: WriteContext, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Organizations by a unique name of theirs. */
  organizationBy(
    column: 'id' | 'nano' | 'label' | 'tailnetName',
    value: string | number,
  ): Promise<Row<'organization'> | undefined>;
  /** Audit events of an organization in order of their sequence. */
  auditEvents(
    org: number,
    options: { readonly afterSeq: number; readonly limit: number },
  ): Promise<AuditEvent[]>;
  auditHead(org: number): Promise<{ readonly auditSeq: number; readonly auditHash: string }>;
  close(): Promise<void>;
}
