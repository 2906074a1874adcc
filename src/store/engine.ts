/** What the two databases have in common. Everything above this file is the same for both. */
import type { StoredRow, StoredValue } from './rows.ts';
import type { Lists, Placeholder } from './statements.ts';

/** A connection on which statements run one after the other. */
export interface Connection {
  run(sql: string, parameters: readonly StoredValue[]): Promise<StoredRow[]>;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly StoredValue[];
}

/** A transaction whose first and last statements travel with its BEGIN and its COMMIT: one round trip each. */
export interface UnitOfWork<T> {
  readonly first: Statement;
  /** `rows` are those of `first`. */
  work(
    connection: Connection,
    rows: readonly StoredRow[],
  ): Promise<{ readonly result: T; readonly last: readonly Statement[] }>;
}

export interface Engine extends Connection {
  readonly name: 'sqlite' | 'postgres';
  readonly placeholder: Placeholder;
  readonly lists: Lists;
  /** How the engine locks a row that it reads: text to append to a SELECT. */
  readonly forUpdate: string;
  /** The same for queues: rows that others hold are passed over instead of waited for. */
  readonly forUpdateSkipLocked: string;
  /** The column type of each kind of column. */
  readonly types: Readonly<Record<'integer' | 'real' | 'text', string>>;
  /** How many writes may be under way at once, in all and on one organization; undefined: the engine queues by itself. */
  readonly concurrentWrites: { readonly total: number; readonly perOrganization: number } | undefined;
  /** Commits when `work` resolves, rolls back when it rejects. Nothing of it is visible before. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  unitOfWork<T>(unit: UnitOfWork<T>): Promise<T>;
  /** The columns of the unique key that a write ran into, or undefined when the error is another. */
  violatedColumns(error: unknown): readonly string[] | undefined;
  /** Whether the transaction failed by no fault of its own and should run again from the start. */
  isRetryable(error: unknown): boolean;
  /** Whether the database cannot be reached or cannot take writes now: nothing the caller did is wrong. */
  isUnavailable(error: unknown): boolean;
  isMissingTable(error: unknown): boolean;
  /** Tells other processes that an organization changed. A hint: it may get lost. */
  announce(org: number): void;
  /** Calls back when another process announced a change. */
  onAnnounced(listener: (org: number) => void): void;
  close(): Promise<void>;
}

/** The name of a unique index or primary key, from which its columns can be told again. */
export const uniqueIndexName = (table: string, columns: readonly string[]): string =>
  `${table}__${columns.join('_')}__key`;

export function columnsOfIndexName(name: string): readonly string[] | undefined {
  const match = /^[A-Za-z]+__(.+)__key$/u.exec(name);
  return match?.[1]?.split('_');
}
