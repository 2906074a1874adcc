/** A store on which every access that a write makes is looked at before the write ends, whichever service made it. */
import type { AccessEdge } from '../model/networks.ts';
import type { Store, Tx } from '../ports/store.ts';

/** Runs inside of the write: may add audit events, and refuses the whole write by throwing. */
export type EdgeGuard = (tx: Tx, edges: readonly AccessEdge[]) => Promise<void>;

const isEdge = (kind: string, _row: unknown): _row is AccessEdge => kind === 'accessEdge';

export function guardEdges(store: Store, guard: EdgeGuard): Store {
  const write: Store['write'] = (context, work) =>
    store.write(context, async (tx) => {
      const made: AccessEdge[] = [];
      const result = await work({
        ...tx,
        now: tx.now,
        insert: async (kind, row) => {
          const inserted = await tx.insert(kind, row);
          if (isEdge(kind, inserted)) made.push(inserted);
          return inserted;
        },
      });
      if (made.length > 0) await guard(tx, made);
      return result;
    });
  // Everything but writes stays the store's own: whatever is put around the store later is around this one too.
  return Object.assign(Object.create(store) as Store, { write });
}
