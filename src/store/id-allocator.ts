/** Integer ids, unique in the installation and short: taken from the database in blocks, handed out from memory. */
import type { Engine } from './engine.ts';

/** At least this many are taken at once; more when more are wanted together. */
const BLOCK = 128;
const MAX_BLOCK = 65_536;

/** Ids set aside for one write: nobody else can use them up while it runs. */
export interface IdLease {
  /** Throws when the lease is used up: a write must say how many ids it needs. */
  take(): number;
  /** Gives back what was not taken. */
  release(): void;
}

export interface IdAllocator {
  lease(count: number): Promise<IdLease>;
}

/** Ids from `next` to before `end`. */
interface Range {
  next: number;
  end: number;
}

export function createIdAllocator(engine: Engine): IdAllocator {
  /** Ascending and apart, so that low ids go first and what comes back joins up again. */
  let free: Range[] = [];
  let refill: Promise<void> | undefined;
  let wanted = 0;

  const available = (): number => free.reduce((sum, range) => sum + range.end - range.next, 0);

  const add = (range: Range): void => {
    const merged: Range[] = [];
    for (const one of [...free, range].sort((a, b) => a.next - b.next)) {
      const last = merged.at(-1);
      if (last !== undefined && last.end === one.next) last.end = one.end;
      else merged.push({ ...one });
    }
    free = merged;
  };

  const fetchBlock = async (size: number): Promise<void> => {
    const end = await engine.transaction(async (connection) => {
      const rows = await connection.run(
        `UPDATE "idAllocator" SET "next" = "next" + ${size} WHERE "org" = 0 RETURNING "next"`,
        [],
      );
      return Number(rows[0]?.next);
    });
    if (!Number.isSafeInteger(end)) throw new Error('the table of ids is empty: the database is not set up');
    add({ next: end - size, end });
  };

  const cut = (count: number): Range[] => {
    const taken: Range[] = [];
    let missing = count;
    while (missing > 0) {
      const first = free[0];
      if (first === undefined) break;
      const size = Math.min(missing, first.end - first.next);
      taken.push({ next: first.next, end: first.next + size });
      first.next += size;
      missing -= size;
      if (first.next === first.end) free.shift();
    }
    return taken;
  };

  return {
    lease: async (count) => {
      wanted += count;
      try {
        while (available() < count) {
          refill ??= fetchBlock(Math.max(count, Math.min(MAX_BLOCK, Math.max(BLOCK, wanted)))).finally(() => {
            refill = undefined;
          });
          await refill;
        }
      } finally {
        wanted -= count;
      }
      const ranges = cut(count);
      return {
        take: () => {
          const range = ranges[0];
          if (range === undefined) throw new Error(`the write needs more ids than the ${count} it asked for`);
          const id = range.next;
          range.next += 1;
          if (range.next === range.end) ranges.shift();
          return id;
        },
        release: () => {
          for (const range of ranges.splice(0)) add(range);
        },
      };
    },
  };
}
