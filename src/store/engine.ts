/** What the two databases have in common. Everything above this file is the same for both. */
import type { StoredRow, StoredValue } from './rows.ts';
import type { Placeholder } from './statements.ts';

/** A connection on which statements run one after the other. */
export interface Connection {
  run(sql: string, parameters: readonly StoredValue[]): Promise<StoredRow[]>;
}

export interface Engine extends Connection {
  readonly name: 'sqlite' | 'postgres';
  readonly placeholder: Placeholder;
  /** How the engine locks a row that it reads: text to append to a SELECT. */
  readonly forUpdate: string;
  /** The column type of each kind of column. */
  readonly types: Readonly<Record<'integer' | 'real' | 'text', string>>;
  /** Commits when `work` resolves, rolls back when it rejects. Nothing of it is visible before. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** The columns of the unique key that a write ran into, or undefined when the error is another. */
  violatedColumns(error: unknown): readonly string[] | undefined;
  /** Whether the transaction failed by no fault of its own and should run again from the start. */
  isRetryable(error: unknown): boolean;
  /** Tells other processes that an organization changed. A hint: it may get lost. */
  announce(org: number): void;
  /** Calls back when another process announced a change. */
  onAnnounced(listener: (org: number) => void): void;
  close(): Promise<void>;
}

/** The name of a unique index, from which its columns can be told again. */
export const uniqueIndexName = (table: string, columns: readonly string[]): string =>
  `${table}__${columns.join('_')}__key`;

export function columnsOfIndexName(name: string): readonly string[] | undefined {
  const match = /^[A-Za-z]+__(.+)__key$/u.exec(name);
  return match?.[1]?.split('_');
}
