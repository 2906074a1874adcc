/**
 * The store, as the domain sees it. Two engines implement it (SQLite, PostgreSQL); one case table of tests holds them to
 * the same behaviour.
 *
 * Reads take the organization first: there is no way to read a row by its id alone, save through `lookup`, which serves
 * the few keys that are unique in the installation and are secrets or names of organizations.
 */
import type { EntityKind, IdentifiedKind, KeyOf, Row } from '../model/entities.ts';
import type { AuditEvent, AuditOrigin, AuditVerb, By } from '../model/operations.ts';
import type { Queries } from './queries.ts';

/** Organization 0: the installation itself. */
export const INSTALLATION = 0;

/** The key of a row: its id, or its key columns where the key is not an id. */
export type RowKey<K extends EntityKind> = K extends IdentifiedKind ? number : KeyOf<K>;

type Scalar = string | number | boolean | null;

/** Columns that equal a value; a list stands for "one of". Columns of JSON cannot be asked for. */
export type Where<K extends EntityKind> = {
  readonly [C in keyof Row<K>]?: Row<K>[C] extends Scalar ? Row<K>[C] | readonly Row<K>[C][] : never;
};

/**
 * Of null no comparison holds, and no negation of one; `=` null means `is-null`, `!=` null `not-null`, and null in a list
 * likewise. `contains`, `starts-with` and `ends-with` are for text and do not distinguish a to z from A to Z. Order and
 * comparison of text are by its UTF-8 bytes.
 */
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
    /** Like the three before, and upper and lower case differ. */
    | 'contains-exact'
    | 'starts-with-exact'
    | 'ends-with-exact'
    /** The value is an expression of kernel/pattern. */
    | 'matches'
    /** The value is the name of another column of the row, to be equal to this one. */
    | 'same-as'
    /** The column is a JSON list of texts, and one of them is, starts with, ends with or contains the value. */
    | 'holds'
    | 'holds-start'
    | 'holds-end'
    | 'holds-part'
    | 'is-null'
    | 'not-null'
    | 'in'
    | 'not-in';
  readonly value?: Scalar | readonly Scalar[];
  /** A column of text that is null counts as '' (else nothing is true of it but `is-null`). */
  readonly emptyForNull?: boolean;
}

/** Conditions compose. An empty `allOf` holds, an empty `anyOf` does not. */
export type Condition<K extends EntityKind> =
  | Filter<K>
  | { readonly allOf: readonly Condition<K>[] }
  | { readonly anyOf: readonly Condition<K>[] }
  | { readonly not: Condition<K> }
  | Exists<K>;

/** Some row of another kind belongs to this one. */
export interface Exists<K extends EntityKind> {
  readonly exists: EntityKind;
  /** Each column of the other row equals this row's column. */
  readonly on: Readonly<Record<string, keyof Row<K> & string>>;
  /** The other row's text is in this row's JSON list of texts; neither holds quotes or backslashes. */
  readonly listedIn?: Readonly<Record<string, keyof Row<K> & string>>;
  /** The other row's JSON list of texts holds this row's text. */
  readonly lists?: Readonly<Record<string, keyof Row<K> & string>>;
  readonly condition?: unknown;
}

/** Names the columns of both kinds under the eyes of the compiler. */
export const exists = <K extends EntityKind, Other extends EntityKind>(
  other: Other,
  on: ColumnPairs<K, Other>,
  condition?: Condition<Other>,
  lists: { readonly listedIn?: ColumnPairs<K, Other>; readonly lists?: ColumnPairs<K, Other> } = {},
): Exists<K> => ({
  exists: other,
  on: on as Pairs<K>,
  ...(condition === undefined ? {} : { condition }),
  ...(lists.listedIn === undefined ? {} : { listedIn: lists.listedIn as Pairs<K> }),
  ...(lists.lists === undefined ? {} : { lists: lists.lists as Pairs<K> }),
});

type Pairs<K extends EntityKind> = Readonly<Record<string, keyof Row<K> & string>>;
type ColumnPairs<K extends EntityKind, Other extends EntityKind> = {
  readonly [C in keyof Row<Other>]?: keyof Row<K> & string;
};

export interface ListOptions<K extends EntityKind> {
  readonly where?: Where<K>;
  /** All must hold. */
  readonly filters?: readonly Filter<K>[];
  /** At least one must hold. */
  readonly anyOf?: readonly Filter<K>[];
  readonly condition?: Condition<K>;
  /**
   * Null is ordered as the empty text or 0. The id is always the last order, so that the order is total; of kinds with
   * another key, those of its columns that are not named follow. Default: by the key.
   */
  readonly orderBy?: readonly { readonly column: keyof Row<K> & string; readonly descending?: boolean }[];
  /** Values of the order columns, id (or the unnamed key columns) last, of the row after which to go on. */
  readonly after?: readonly Scalar[];
  /** At most this many rows; every list has a bound. */
  readonly limit: number;
  /**
   * Hardly any of the rows match: they are looked up by an index of what is compared, then put in order. Without it rows
   * may be gone through in the order asked for until there are enough.
   */
  readonly few?: boolean;
}

/** How rows of `K` hang on their parents: by a column of their own, or through rows of a link. */
export type Relation<K extends EntityKind> =
  | { readonly parent: keyof Row<K> & string }
  | {
      readonly link: EntityKind;
      readonly parent: string;
      readonly child: string;
      readonly condition?: unknown;
    };

/** Names the columns of a link under the eyes of the compiler. */
export const through = <L extends EntityKind>(
  link: L,
  parent: keyof Row<L> & string,
  child: keyof Row<L> & string,
  condition?: Condition<L>,
): { readonly link: L; readonly parent: string; readonly child: string; readonly condition?: unknown } => ({
  link,
  parent,
  child,
  ...(condition === undefined ? {} : { condition }),
});

export interface RelatedOptions<K extends EntityKind> {
  readonly relation: Relation<K>;
  /** Ids of the parents. */
  readonly parents: readonly number[];
  readonly condition?: Condition<K>;
  /** Only rows with a greater id, a lower id. */
  readonly afterId?: number;
  readonly beforeId?: number;
  /** From the highest id down. */
  readonly descending?: boolean;
  /** At most this many rows for each parent. */
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
    options?: Pick<ListOptions<K>, 'where' | 'filters' | 'anyOf' | 'condition'>,
  ): Promise<number>;
  /** A page for each of many parents in one question, in order of the rows' ids. */
  listRelated<K extends IdentifiedKind>(
    kind: K,
    org: number,
    options: RelatedOptions<K>,
  ): Promise<{ readonly parent: number; readonly row: Row<K> }[]>;
  /** How many rows each parent has; parents without any are absent. */
  countRelated<K extends IdentifiedKind>(
    kind: K,
    org: number,
    options: Pick<RelatedOptions<K>, 'relation' | 'parents' | 'condition'>,
  ): Promise<ReadonlyMap<number, number>>;
  /** By a key that is unique in the installation: the caller must hold the result against its own organization. */
  lookup(kind: 'credential', column: 'publicId', value: string): Promise<Row<'credential'> | undefined>;
  lookup(kind: 'device', column: 'nodeKey', value: string): Promise<Row<'device'> | undefined>;
  lookup(kind: 'address', column: 'claim', value: string): Promise<Row<'address'> | undefined>;
  lookup(kind: 'certChallenge', column: 'name', value: string): Promise<Row<'certChallenge'> | undefined>;
  lookup(kind: 'invitation', column: 'tokenHash', value: string): Promise<Row<'invitation'> | undefined>;
  /** Several of them at once, in no order. */
  lookupAll(kind: 'address', column: 'claim', values: readonly string[]): Promise<Row<'address'>[]>;
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
  /** Written only if the organization has a row of this kind when the write commits. */
  readonly onlyWith?: EntityKind;
}

/** What a write did in one organization, and who. */
export interface WriteOutcome {
  readonly org: number;
  readonly by: By;
  readonly changes: readonly Change[];
}

/**
 * What goes to the outbox on account of a write's changes, in its very transaction: one entry at most for each kind of
 * the outbox. Runs in every write, so it must be quick, and must not fail.
 */
export type DeriveOutbox = (outcome: WriteOutcome) => readonly OutboxEntry[];

/**
 * A unit of work. Everything in it is committed together, with its audit events and feed rows, or not at all. It may run
 * again from the start, so it must not touch anything outside. After a failed statement (`taken`) nothing more is taken
 * and nothing is committed, even if the error is caught; check first where a conflict is to be lived with. Every
 * operation must be awaited. Texts with U+0000 or half a surrogate pair are refused as `invalid`, naming the column.
 */
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

/** What became of a row. Its kind tells which rows it holds, so that asking for the kind is enough. */
export type Change<K extends EntityKind = EntityKind> = K extends EntityKind ? ChangeOf<K> : never;

interface ChangeOf<K extends EntityKind> {
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

/** For whoever reads or notes rows of any kind: that they are of this very kind is theirs to know, and no type can say it. */
export const changeOf = (
  change: Omit<ChangeOf<EntityKind>, 'before' | 'after'> & {
    readonly before: unknown;
    readonly after: unknown;
  },
): Change => change as Change;

export interface ChangePage {
  /** Those of kinds that this program knows: a newer program may share the database. */
  readonly changes: readonly Change[];
  /** The sequence up to which the feed has been read with this page. */
  readonly through: number;
  /** The highest sequence in its reach whose change has been pruned; 0 if none. */
  readonly prunedThrough: number;
  /** Whether there was nothing behind it. */
  readonly end: boolean;
}

export interface ChangeFeed {
  /** The newest sequence of each organization that has one. */
  heads(orgs: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Changes after `seq` in order, of the kinds that this program knows; fewer than `limit` only at the end of the feed. */
  read(org: number, afterSeq: number, limit: number): Promise<Change[]>;
  /** At most `limit` changes after `seq`, and how far that reaches. */
  page(org: number, afterSeq: number, limit: number): Promise<ChangePage>;
  /**
   * Calls back after each commit of this process with its changes, and, as a mere hint without changes, when another
   * process says that it wrote. Missing a hint must cost nothing but time.
   */
  onCommit(listener: (org: number, changes: readonly Change[] | undefined) => void): () => void;
}

export interface Store extends Reader {
  readonly engine: 'sqlite' | 'postgres';
  readonly feed: ChangeFeed;
  readonly queries: Queries;
  /** An id for a thing that must be known before its write, such as a new organization. */
  newId(): Promise<number>;
  /** Errors: those of `work`; `unavailable` when the database cannot be used now (then the write may or may not stand). */
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
