/** Bit sets over unit slots. All sets of one engine generation have the same number of words, or none when they are empty. */
export type Bits = Uint32Array;

export const wordsFor = (slots: number): number => (slots + 31) >>> 5;

export const setBit = (bits: Bits, slot: number): void => {
  const word = slot >>> 5;
  bits[word] = (bits[word] ?? 0) | (1 << (slot & 31));
};

export const clearBit = (bits: Bits, slot: number): void => {
  const word = slot >>> 5;
  if (word < bits.length) bits[word] = (bits[word] ?? 0) & ~(1 << (slot & 31));
};

export const hasBit = (bits: Bits, slot: number): boolean =>
  (((bits[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1;

export function intersects(a: Bits, b: Bits): boolean {
  const words = Math.min(a.length, b.length);
  for (let i = 0; i < words; i++) if (((a[i] ?? 0) & (b[i] ?? 0)) !== 0) return true;
  return false;
}

export function orInto(target: Bits, source: Bits): void {
  const words = Math.min(target.length, source.length);
  for (let i = 0; i < words; i++) target[i] = (target[i] ?? 0) | (source[i] ?? 0);
}

export function removeFrom(target: Bits, source: Bits): void {
  const words = Math.min(target.length, source.length);
  for (let i = 0; i < words; i++) target[i] = (target[i] ?? 0) & ~(source[i] ?? 0);
}

export function keepOnly(target: Bits, mask: Bits): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) & (mask[i] ?? 0);
}

/**
 * Slots one by one, in any order and perhaps repeated: of things of which there are many, each in few rules. As bits they would
 * take the square of what they take so.
 */
export type Slots = readonly number[];

/** Adds a slot to a list under construction; the same slot comes several times in a row. */
export function noteSlot(list: number[], slot: number): void {
  if (list.at(-1) !== slot) list.push(slot);
}

/** Takes a slot out of a list, wherever it is. */
export function dropSlot(list: number[], slot: number): void {
  for (let at = list.lastIndexOf(slot); at >= 0; at = list.lastIndexOf(slot)) list.splice(at, 1);
}

export function setSlots(target: Bits, slots: Slots): void {
  for (const slot of slots) setBit(target, slot);
}

export function clearSlots(target: Bits, slots: Slots): void {
  for (const slot of slots) clearBit(target, slot);
}

export const hasSlot = (bits: Bits, slots: Slots): boolean => slots.some((slot) => hasBit(bits, slot));

/** Adds to `target` the bits in which `a` and `b` differ; sets of different widths count as padded with zeros. */
export function differInto(target: Bits, a: Bits, b: Bits): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) | ((a[i] ?? 0) ^ (b[i] ?? 0));
}

export function isZero(bits: Bits): boolean {
  for (let i = 0; i < bits.length; i++) if (bits[i] !== 0) return false;
  return true;
}

export function equalBits(a: Bits, b: Bits): boolean {
  const words = Math.max(a.length, b.length);
  for (let i = 0; i < words; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false;
  return true;
}

export function* slotsOf(bits: Bits): Generator<number> {
  for (let i = 0; i < bits.length; i++) {
    for (let word = bits[i] ?? 0; word !== 0; word &= word - 1)
      yield i * 32 + (31 - Math.clz32(word & -word));
  }
}
