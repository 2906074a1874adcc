/** Integer ids, unique in the installation and short: taken from the database in blocks, handed out from memory. */
import type { Engine } from './engine.ts';

/** At least this many are taken at once; more when more are wanted together. */
const BLOCK = 128;
const MAX_BLOCK = 65_536;

/** A number of ids promised to one write: nobody else can use them up while it runs. */
export interface IdLease {
  /** Throws when the lease is used up: a write must say how many ids it needs. */
  take(): number;
  /** Gives back the promise of those that were not taken. */
  release(): void;
}

export interface IdAllocator {
  lease(count: number): Promise<IdLease>;
}

/** Ids from `next` to before `end`. */
interface Block {
  next: number;
  readonly end: number;
}

export function createIdAllocator(engine: Engine): IdAllocator {
  const blocks: Block[] = [];
  /** In the blocks, and how many of them are promised to leases. */
  let free = 0;
  let promised = 0;
  let refill: Promise<void> | undefined;
  /** By callers that wait for a refill. */
  let wanted = 0;

  const fetchBlock = async (size: number): Promise<void> => {
    const end = await engine.transaction(async (connection) => {
      const rows = await connection.run(
        `UPDATE "idAllocator" SET "next" = "next" + ${size} WHERE "org" = 0 RETURNING "next"`,
        [],
      );
      return Number(rows[0]?.next);
    });
    if (!Number.isSafeInteger(end)) throw new Error('the table of ids is empty: the database is not set up');
    blocks.push({ next: end - size, end });
    free += size;
  };

  const next = (): number => {
    const block = blocks[0];
    if (block === undefined) throw new Error('a promised id is missing');
    const id = block.next;
    block.next += 1;
    if (block.next === block.end) blocks.shift();
    free -= 1;
    promised -= 1;
    return id;
  };

  return {
    lease: async (count) => {
      wanted += count;
      try {
        while (free - promised < count) {
          const size = Math.max(count, Math.min(MAX_BLOCK, Math.max(BLOCK, wanted)));
          refill ??= fetchBlock(size).finally(() => {
            refill = undefined;
          });
          await refill;
        }
      } finally {
        wanted -= count;
      }
      promised += count;
      let left = count;
      return {
        take: () => {
          if (left === 0) throw new Error(`the write needs more ids than the ${count} it asked for`);
          left -= 1;
          return next();
        },
        release: () => {
          promised -= left;
          left = 0;
        },
      };
    },
  };
}
