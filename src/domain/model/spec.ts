/**
 * How an entity is declared: once, as data. From a declaration come its TypeScript type, its table, the coding of its
 * columns, and the test that compares a migrated database with the model.
 *
 * Every table has the column `org` and it is part of every key, so that no lookup can leave its organization. Things that
 * belong to the installation (organizations, accounts) live in organization 0.
 */

export type ColumnKind = 'integer' | 'real' | 'text' | 'boolean' | 'json';

/** `T` is the type in the program; the store codes booleans as 0 and 1 and JSON as text. */
export interface Column<T> {
  readonly kind: ColumnKind;
  readonly nullable: boolean;
  /** Never set: it carries the type. */
  readonly valueType?: T;
}

const column =
  (kind: ColumnKind) =>
  <T>(): Column<T> => ({ kind, nullable: false });

export const integer: <T extends number = number>() => Column<T> = column('integer');
export const real: () => Column<number> = column('real');
export const text: <T extends string = string>() => Column<T> = column('text');
export const boolean: () => Column<boolean> = column('boolean');
export const json: <T>() => Column<T> = column('json');
/** Milliseconds since 1970. */
export const time: () => Column<number> = column('integer');
/** The same column, which may also be null. */
export const nullable = <T>(of: Column<T>): Column<T | null> => ({ kind: of.kind, nullable: true });

export type Columns = Readonly<Record<string, Column<unknown>>>;

/** The row of a declaration: `org` and its columns. */
export type RowOf<C extends Columns> = { readonly org: number } & {
  readonly [K in keyof C]: C[K] extends Column<infer T> ? T : never;
};

export interface UniqueKey {
  readonly columns: readonly string[];
  /** Unique in the whole installation, not only in its organization. */
  readonly global?: boolean;
}

export interface EntitySpec<C extends Columns = Columns, Key extends string = string> {
  readonly columns: C;
  /** The primary key, after `org`. */
  readonly key: readonly Key[];
  readonly unique: readonly UniqueKey[];
  readonly indexes: readonly (readonly string[])[];
  /**
   * Facts that devices report and that change all the time (presence, endpoints, last use): they go through the change
   * feed without history, and need no audit event.
   */
  readonly volatile: boolean;
  /** The column that takes the time of each change of a row, whatever makes it. */
  readonly touched: string | undefined;
}

interface EntityOptions<Name extends string, Key extends string> {
  readonly key?: readonly Key[];
  /** A list of columns is unique in its organization. */
  readonly unique?: readonly (
    | readonly Name[]
    | { readonly columns: readonly Name[]; readonly global: true }
  )[];
  readonly indexes?: readonly (readonly Name[])[];
  readonly volatile?: boolean;
  readonly touched?: Name;
}

/** Declares an entity. Without `key` its primary key is (org, id), and `columns` must have an `id`. */
export function entity<C extends Columns, const Key extends keyof C & string = 'id' & keyof C>(
  columns: C,
  options: EntityOptions<keyof C & string, Key> = {},
): EntitySpec<C, Key> {
  return {
    columns,
    // Without a key of its own the type parameter is 'id', which is what stands here.
    key: options.key ?? (['id'] as unknown as readonly Key[]),
    unique: (options.unique ?? []).map((key) => ('columns' in key ? key : { columns: key })),
    indexes: options.indexes ?? [],
    volatile: options.volatile ?? false,
    touched: options.touched,
  };
}

/** The columns that say who did a thing, as text that outlives the actor. */
export const byColumns = {
  byKind: text(),
  byId: text(),
  byName: text(),
};
