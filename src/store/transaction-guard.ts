/**
 * What keeps a write's operations in order and inside it, whatever the work does with the promises it gets.
 *
 * PostgreSQL takes nothing more in a transaction after a statement failed; SQLite would go on. Here both refuse: a work
 * that swallows such an error commits nothing. And an operation that the work did not wait for would meet a connection
 * that is in another transaction by then, or in none.
 */
import type { Connection } from './engine.ts';

export interface GuardedConnection {
  readonly connection: Connection;
  /** Whether a statement has not been answered. */
  running(): boolean;
  /** Throws what the first failed statement threw. */
  rethrow(): void;
  /** From now on every statement is refused. */
  end(): void;
}

/** `translate` turns an error of a statement into the one that the work gets. */
export function guardConnection(raw: Connection, translate: (error: unknown) => unknown): GuardedConnection {
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  let running = 0;
  const rethrow = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  return {
    connection: {
      run: async (sql, parameters) => {
        if (ended) throw new Error('the write has ended: an operation of it was not awaited');
        rethrow();
        running += 1;
        try {
          return await raw.run(sql, parameters);
        } catch (error) {
          failure ??= { error: translate(error) };
          throw failure.error;
        } finally {
          running -= 1;
        }
      },
    },
    running: () => running > 0,
    rethrow,
    end: () => {
      ended = true;
    },
  };
}

export interface Turns {
  /** Runs operations one after the other in the order of the calls, so that each one's "before" is the one's before "after". */
  inTurn<V>(operation: () => Promise<V>): Promise<V>;
  waiting(): boolean;
}

export function createTurns(): Turns {
  let last: Promise<unknown> | undefined;
  let waiting = 0;
  return {
    inTurn: (operation) => {
      waiting += 1;
      const turn = last === undefined ? operation() : last.then(operation, operation);
      const ended = (): void => {
        waiting -= 1;
        if (waiting === 0) last = undefined;
      };
      last = turn.then(ended, ended);
      return turn;
    },
    waiting: () => waiting > 0,
  };
}
