/**
 * Transactions that wait for the one writer are committed together: a commit waits for the disk, and the process with it,
 * far longer than a transaction works. Each has a savepoint of its own, so that it stands or falls alone, and none is
 * acknowledged before all are on disk. A transaction that finds no other waiting is committed at once.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Bounds what the first of a group waits for the others, and how long the process does nothing else. */
export interface GroupLimits {
  readonly transactions: number;
  readonly ms: number;
}
const LIMITS: GroupLimits = { transactions: 64, ms: 5 };

export interface Writer {
  /** Begins a transaction that may write; may wait for other processes. */
  begin(): Promise<void>;
  control(sql: 'SAVEPOINT turn' | 'RELEASE turn' | 'ROLLBACK TO turn' | 'COMMIT' | 'ROLLBACK'): void;
  inTransaction(): boolean;
}

export interface GroupCommit {
  /** Runs `work` in its turn; resolves when what it wrote is on disk, rejects when nothing of it is. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nobody waits any more. */
  idle(): Promise<void>;
}

interface Turn {
  /** Resolves with whether the work succeeded. */
  run(): Promise<boolean>;
  /** Tells the caller how its work ended. */
  settle(): void;
  /** Tells the caller that its work, however it ended, is undone. */
  undone(error: unknown): void;
}

export function createGroupCommit(writer: Writer, limits: GroupLimits = LIMITS): GroupCommit {
  const waiting: Turn[] = [];
  let draining: Promise<void> | undefined;

  const runTurn = async (turn: Turn): Promise<void> => {
    writer.control('SAVEPOINT turn');
    if (!(await turn.run())) {
      // A full disk and the like have rolled back the whole transaction, and with it the turns before.
      if (!writer.inTransaction()) throw new Error('the database ended the transaction');
      writer.control('ROLLBACK TO turn');
    }
    writer.control('RELEASE turn');
  };

  const runGroup = async (group: Turn[]): Promise<void> => {
    const deadline = performance.now() + limits.ms;
    do {
      const turn = waiting.shift();
      if (turn === undefined) break;
      group.push(turn);
      await runTurn(turn);
    } while (group.length < limits.transactions && performance.now() < deadline);
    writer.control('COMMIT');
  };

  const drain = async (): Promise<void> => {
    // Begun in the next step, so that `draining` is set while it runs.
    await Promise.resolve();
    while (waiting.length > 0) {
      const group: Turn[] = [];
      try {
        await writer.begin();
      } catch (error) {
        for (const turn of waiting.splice(0)) turn.undone(error);
        break;
      }
      try {
        await runGroup(group);
        for (const turn of group) turn.settle();
      } catch (error) {
        if (writer.inTransaction()) writer.control('ROLLBACK');
        for (const turn of group) turn.undone(error);
      }
    }
    // In the same step as the last look at who waits: whoever comes after this begins anew.
    draining = undefined;
  };

  return {
    transaction: <T>(work: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        // A turn may be run from another caller's; the work keeps the context of its own.
        const inContext = AsyncLocalStorage.snapshot();
        let settle = (): void => undefined;
        let failure: { readonly error: unknown } | undefined;
        waiting.push({
          run: () =>
            inContext(work).then(
              (result) => {
                settle = () => resolve(result);
                return true;
              },
              (error: unknown) => {
                failure = { error };
                settle = () => reject(error);
                return false;
              },
            ),
          settle: () => settle(),
          undone: (error) => reject(failure === undefined ? error : failure.error),
        });
        draining ??= drain();
      }),
    idle: async () => {
      while (draining !== undefined) await draining;
    },
  };
}
