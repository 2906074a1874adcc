/**
 * Lets so many writes in at once, in all and on each organization. Writers of one organization would else each hold a
 * connection while they wait for its lock, until none is left for the other organizations.
 */
export interface WriteQueue {
  /** `orgs` ascending and without repetition. Resolves with the function that lets the next one in. */
  enter(orgs: readonly number[]): Promise<() => void>;
}

interface Gate {
  enter(): Promise<void> | undefined;
  leave(): void;
  isIdle(): boolean;
}

function createGate(places: number): Gate {
  let free = places;
  const waiting: (() => void)[] = [];
  return {
    enter: () => {
      if (free === 0) return new Promise((resolve) => waiting.push(resolve));
      free -= 1;
      return undefined;
    },
    leave: () => {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
    isIdle: () => free === places,
  };
}

export function createWriteQueue(limits: {
  readonly total: number;
  readonly perOrganization: number;
}): WriteQueue {
  const all = createGate(limits.total);
  const gates = new Map<number, Gate>();
  const gateOf = (org: number): Gate => {
    let gate = gates.get(org);
    if (gate === undefined) {
      gate = createGate(limits.perOrganization);
      gates.set(org, gate);
    }
    return gate;
  };
  return {
    enter: async (orgs) => {
      // Ascending, and the common gate last: nobody who is past a gate waits for somebody before it.
      for (const org of orgs) await gateOf(org).enter();
      await all.enter();
      return () => {
        all.leave();
        for (const org of orgs) {
          const gate = gateOf(org);
          gate.leave();
          if (gate.isIdle()) gates.delete(org);
        }
      };
    },
  };
}
