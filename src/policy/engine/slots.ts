/**
 * Slots (bit numbers) of units. A unit keeps its slot while it exists, across recompilations, so that the bits of
 * devices before and after a change can be compared. A slot that falls free is not given out before the next
 * change: what the last change returned may still be read.
 */
export interface SlotTable {
  /** Assigns slots for exactly these keys. */
  assign(keys: readonly string[]): number[];
  /**
   * Gives slots to more keys and takes those of others back, with the rest as it is. The same key may be there more than
   * once, as in `assign`.
   */
  edit(freed: readonly number[], keys: readonly string[]): number[];
  /** One more than the highest slot in use. */
  readonly size: number;
  /** A table of its own that starts with the same assignments. */
  copy(): SlotTable;
}

export const createSlotTable = (): SlotTable => slotTable(new Map(), 0);

function slotTable(start: ReadonlyMap<string, number>, used: number): SlotTable {
  let slots = new Map(start);
  const free: number[] = [];
  let keyOf: Map<number, string> | undefined;
  const lastRepeat = new Map<string, number>();
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
      keyOf = undefined;
      lastRepeat.clear();
      return out;
    },
    edit(freed, keys) {
      keyOf ??= new Map([...slots].map(([key, slot]) => [slot, key]));
      const held = keyOf;
      for (const slot of freed) {
        slots.delete(held.get(slot) ?? '');
        held.delete(slot);
      }
      const out = keys.map((key) => {
        let unique = key;
        while (slots.has(unique)) {
          const times = (lastRepeat.get(key) ?? 0) + 1;
          lastRepeat.set(key, times);
          unique = `${key}#${times}`;
        }
        const slot = free.pop() ?? size++;
        slots.set(unique, slot);
        held.set(slot, unique);
        return slot;
      });
      free.push(...freed);
      return out;
    },
  };
}
