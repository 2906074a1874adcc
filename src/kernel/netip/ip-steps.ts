import type { IpSet } from './ip-set.ts';

/** One step of a set's making: its addresses go in, or out. */
export interface IpSetStep {
  readonly add: boolean;
  readonly set: IpSet;
}

/** A number or a bigint; spelled loosely because TypeScript widens a union bound when it narrows. */
type Ordered = NonNullable<unknown>;

/** A range with the place of its step. */
interface Piece<T> {
  readonly from: T;
  readonly to: T;
  readonly step: number;
}

/**
 * What steps come to when they are taken one after the other: of every address the last step that has it decides. All ranges
 * are gone through once, in the order of their addresses, so that the cost does not depend on how often steps change sides.
 */
export const setOfSteps = (steps: readonly IpSetStep[]): IpSet => ({
  v4: decided(
    steps,
    (set) => set.v4,
    (value) => value + 1,
    (value) => value - 1,
  ),
  v6: decided(
    steps,
    (set) => set.v6,
    (value) => value + 1n,
    (value) => value - 1n,
  ),
});

function decided<T extends Ordered>(
  steps: readonly IpSetStep[],
  flatOf: (set: IpSet) => readonly T[],
  next: (value: T) => T,
  previous: (value: T) => T,
): T[] {
  const pieces = piecesOf(steps, flatOf);
  const out: T[] = [];
  const put = (from: T, to: T): void => {
    const last = out.at(-1);
    if (last !== undefined && next(last) === from) out[out.length - 1] = to;
    else out.push(from, to);
  };
  /** Pieces that have begun, the one of the latest step first. */
  const open = createHeap<Piece<T>>((a, b) => a.step > b.step);
  let at: T | undefined;
  for (let i = 0; i < pieces.length || open.top() !== undefined; ) {
    const coming = pieces[i];
    const top = open.top();
    if (top === undefined) {
      if (coming === undefined) break;
      open.push(coming);
      at = coming.from;
      i++;
      continue;
    }
    const here = at ?? top.from;
    if (top.to < here) {
      open.pop();
      continue;
    }
    if (coming !== undefined && coming.from <= top.to) {
      if (steps[top.step]?.add && here < coming.from) put(here, previous(coming.from));
      at = coming.from;
      open.push(coming);
      i++;
      continue;
    }
    if (steps[top.step]?.add) put(here, top.to);
    at = next(top.to);
    open.pop();
  }
  return out;
}

function piecesOf<T extends Ordered>(
  steps: readonly IpSetStep[],
  flatOf: (set: IpSet) => readonly T[],
): Piece<T>[] {
  const pieces: Piece<T>[] = [];
  steps.forEach(({ set }, step) => {
    const flat = flatOf(set);
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [from, to] = [flat[i], flat[i + 1]];
      if (from !== undefined && to !== undefined) pieces.push({ from, to, step });
    }
  });
  return pieces.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
}

interface Heap<I> {
  top(): I | undefined;
  push(item: I): void;
  pop(): void;
}

function createHeap<I>(before: (a: I, b: I) => boolean): Heap<I> {
  const items: I[] = [];
  return {
    top: () => items[0],
    push(item) {
      let at = items.push(item) - 1;
      while (at > 0) {
        const up = (at - 1) >> 1;
        const above = items[up];
        if (above === undefined || !before(item, above)) break;
        items[at] = above;
        items[up] = item;
        at = up;
      }
    },
    pop() {
      const last = items.pop();
      if (last === undefined || items.length === 0) return;
      items[0] = last;
      for (let at = 0; ; ) {
        const [left, right] = [items[2 * at + 1], items[2 * at + 2]];
        if (left === undefined) return;
        const down = right !== undefined && before(right, left) ? 2 * at + 2 : 2 * at + 1;
        const below = items[down];
        if (below === undefined || !before(below, last)) return;
        items[at] = below;
        items[down] = last;
        at = down;
      }
    },
  };
}
