import type { IpSet, Range } from '../../kernel/netip/index.ts';

/** Things that each cover some ranges of addresses, found by the addresses that they cover. */
export interface Spans<I> {
  /** What covers some address of the range, each once. */
  touching(range: Range): ReadonlySet<I>;
  /** Equal for two addresses of one family only where the same things cover both. */
  place(range: Range): number;
}

/** A number or a bigint; spelled loosely because TypeScript widens a union bound when it narrows. */
type Ordered = NonNullable<unknown>;

/**
 * Ranges by where they begin, as a balanced tree: its root is in the middle, the roots of its halves in their middles.
 * `reach`: the furthest that any range of the tree around this root goes.
 */
interface Tree<T, I> {
  readonly from: readonly T[];
  readonly to: readonly T[];
  readonly reach: readonly T[];
  readonly items: readonly I[];
  /** The ends in ascending order. */
  readonly ends: readonly T[];
}

const order = (a: Ordered, b: Ordered): number => (a < b ? -1 : a > b ? 1 : 0);

function treeOf<T extends Ordered, I>(pieces: { from: T; to: T; item: I }[]): Tree<T, I> {
  pieces.sort((a, b) => order(a.from, b.from));
  const from = pieces.map((piece) => piece.from);
  const to = pieces.map((piece) => piece.to);
  const reach = [...to];
  const widen = (low: number, high: number): T | undefined => {
    if (low >= high) return undefined;
    const root = (low + high) >> 1;
    let furthest = to[root];
    for (const side of [widen(low, root), widen(root + 1, high)]) {
      if (side !== undefined && (furthest === undefined || side > furthest)) furthest = side;
    }
    if (furthest !== undefined) reach[root] = furthest;
    return furthest;
  };
  widen(0, pieces.length);
  return { from, to, reach, items: pieces.map(({ item }) => item), ends: [...to].sort(order) };
}

function collect<T extends Ordered, I>(tree: Tree<T, I>, from: T, to: T, into: Set<I>): Set<I> {
  const visit = (low: number, high: number): void => {
    if (low >= high) return;
    const root = (low + high) >> 1;
    const [begin, end, reach, item] = [tree.from[root], tree.to[root], tree.reach[root], tree.items[root]];
    if (begin === undefined || end === undefined || reach === undefined || reach < from) return;
    visit(low, root);
    if (begin > to) return;
    if (end >= from && item !== undefined) into.add(item);
    visit(root + 1, high);
  };
  visit(0, tree.from.length);
  return into;
}

/** How many of the sorted values come before `value`, or are equal to it where `through` is set. */
function rank<T extends Ordered>(sorted: readonly T[], value: T, through: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const candidate = sorted[middle];
    if (candidate !== undefined && (candidate < value || (through && candidate <= value))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Between two addresses of one place no range begins or ends. */
const placeIn = <T extends Ordered>({ from, ends }: Tree<T, unknown>, value: T): number =>
  rank(from, value, true) + rank(ends, value, false);

function piecesOf<T extends Ordered, I>(
  sets: readonly (readonly [IpSet, I])[],
  flatOf: (set: IpSet) => readonly T[],
): { from: T; to: T; item: I }[] {
  const pieces: { from: T; to: T; item: I }[] = [];
  for (const [set, item] of sets) {
    const flat = flatOf(set);
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const [from, to] = [flat[i], flat[i + 1]];
      if (from !== undefined && to !== undefined) pieces.push({ from, to, item });
    }
  }
  return pieces;
}

export function createSpans<I>(sets: readonly (readonly [IpSet, I])[]): Spans<I> {
  const v4 = treeOf(piecesOf(sets, (set) => set.v4));
  const v6 = treeOf(piecesOf(sets, (set) => set.v6));
  return {
    touching: (range) =>
      range.family === 4
        ? collect(v4, range.from, range.to, new Set())
        : collect(v6, range.from, range.to, new Set()),
    place: (range) => (range.family === 4 ? placeIn(v4, range.from) : placeIn(v6, range.from)),
  };
}
