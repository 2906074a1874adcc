/** Subjects by the instant at which they are another by themselves: a heap, so that letting time pass looks at what is due. */
export interface DueTimes {
  /** `at`: milliseconds; undefined when nothing of the subject ends. */
  set(subject: string, at: number | undefined): void;
  /** Takes out what is due at an instant or before, the earliest first. */
  take(now: number): string[];
}

interface Entry {
  readonly at: number;
  readonly subject: string;
}

/** Entries that were overtaken stay in the heap until they are most of it. */
const SLACK = 64;

export function createDueTimes(): DueTimes {
  const due = new Map<string, number>();
  let heap: Entry[] = [];

  const before = (a: Entry | undefined, b: Entry | undefined): boolean =>
    a !== undefined && (b === undefined || a.at < b.at);

  const swap = (i: number, j: number): void => {
    const [a, b] = [heap[i], heap[j]];
    if (a === undefined || b === undefined) return;
    heap[i] = b;
    heap[j] = a;
  };

  const push = (entry: Entry): void => {
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at], heap[parent])) return;
      swap(at, parent);
      at = parent;
    }
  };

  const removeFirst = (): void => {
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = before(heap[right], heap[left]) ? right : left;
      if (!before(heap[child], heap[at])) return;
      swap(at, child);
      at = child;
    }
  };

  const tidy = (): void => {
    if (heap.length <= 2 * due.size + SLACK) return;
    // A sorted list is a heap.
    heap = [...due].map(([subject, at]) => ({ subject, at })).sort((a, b) => a.at - b.at);
  };

  return {
    set: (subject, at) => {
      if (due.get(subject) === at) return;
      if (at === undefined) due.delete(subject);
      else {
        due.set(subject, at);
        push({ at, subject });
      }
      tidy();
    },
    take: (now) => {
      const out: string[] = [];
      for (let first = heap[0]; first !== undefined && first.at <= now; first = heap[0]) {
        removeFirst();
        if (due.get(first.subject) !== first.at) continue;
        due.delete(first.subject);
        out.push(first.subject);
      }
      return out;
    },
  };
}
