/** Integer ids, unique in the installation and short: taken from the database in blocks, handed out from memory. */
import type { Engine } from './engine.ts';

const BLOCK = 128;

export interface IdAllocator {
  /** Makes sure that `count` ids can be taken without asking the database. */
  reserve(count: number): Promise<void>;
  take(): number;
}

export function createIdAllocator(engine: Engine): IdAllocator {
  let free: { next: number; end: number }[] = [];
  let refill: Promise<void> | undefined;

  const available = (): number => free.reduce((sum, block) => sum + block.end - block.next, 0);

  const fetchBlock = async (size: number): Promise<void> => {
    const end = await engine.transaction(async (connection) => {
      const rows = await connection.run(
        `UPDATE "idAllocator" SET "next" = "next" + ${size} WHERE "org" = 0 RETURNING "next"`,
        [],
      );
      return Number(rows[0]?.next);
    });
    free.push({ next: end - size, end });
  };

  return {
    reserve: async (count) => {
      while (available() < count) {
        refill ??= fetchBlock(Math.max(BLOCK, count)).finally(() => {
          refill = undefined;
        });
        await refill;
      }
    },
    take: () => {
      const block = free[0];
      if (block === undefined)
        throw new Error('no reserved id is left: the write must say how many it needs');
      const id = block.next;
      block.next += 1;
      if (block.next >= block.end) free = free.slice(1);
      return id;
    },
  };
}
