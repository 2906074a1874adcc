/**
 * Slots (bit numbers) of units. A unit keeps its slot while it exists, across recompilations, so that the bits of
 * devices before and after a change can be compared. A slot that falls free is not given out before the next
 * recompilation: what the last change returned may still be read.
 */
export interface SlotTable {
  /** Assigns slots for exactly these keys. */
  assign(keys: readonly string[]): number[];
  /** One more than the highest slot in use. */
  readonly size: number;
  /** A table of its own that starts with the same assignments. */
  copy(): SlotTable;
}

export const createSlotTable = (): SlotTable => slotTable(new Map(), 0);

function slotTable(start: ReadonlyMap<string, number>, used: number): SlotTable {
  let slots = new Map(start);
  const free: number[] = [];
  let size = used;
  return {
    copy: () => slotTable(slots, size),
    get size() {
      return size;
    },
    assign(keys) {
      const next = new Map<string, number>();
      const out: number[] = [];
      const fresh: { key: string; at: number }[] = [];
      const repeats = new Map<string, number>();
      keys.forEach((key, at) => {
        // The same rule written twice is two units with one effect; the second gets a slot of its own.
        const times = repeats.get(key) ?? 0;
        repeats.set(key, times + 1);
        const unique = times === 0 ? key : `${key}#${times}`;
        const slot = slots.get(unique);
        if (slot === undefined) fresh.push({ key: unique, at });
        else out[at] = slot;
        next.set(unique, slot ?? -1);
      });
      for (const { key, at } of fresh) {
        const slot = free.pop() ?? size++;
        next.set(key, slot);
        out[at] = slot;
      }
      for (const [key, slot] of slots) if (!next.has(key)) free.push(slot);
      slots = next;
      return out;
    },
  };
}
