/**
 * Lets a few first maps be on their way at a time. A thousand devices that come back in one instant would otherwise have a
 * thousand maps in memory, each waiting for its client.
 */
const AT_ONCE = 24;
/** A client that does not take its map in this time no longer counts. */
const SLOT_MS = 3_000;

export interface FirstMapQueue {
  /** Calls `start` in turn; it gets the function that frees its place. */
  enter(start: (done: () => void) => void): void;
}

export function createFirstMapQueue(): FirstMapQueue {
  const waiting: ((done: () => void) => void)[] = [];
  let running = 0;

  const next = (): void => {
    if (running >= AT_ONCE) return;
    const start = waiting.shift();
    if (start === undefined) return;
    running += 1;
    let open = true;
    const done = (): void => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      running -= 1;
      next();
    };
    const timer = setTimeout(done, SLOT_MS);
    // A turn of the loop between two maps: handshakes and small requests go on meanwhile.
    setImmediate(() => start(done));
  };

  return {
    enter: (start) => {
      waiting.push(start);
      next();
    },
  };
}
