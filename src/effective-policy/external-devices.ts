/** Devices of other organizations in a snapshot that is loaded once. Hubs follow them: control/sharing. */
import type { Row } from '../domain/model/entities.ts';
import { type Change, INSTALLATION, type Store } from '../domain/ports/store.ts';
import { type ExternalFacts, externalOf, fillWanted, wantedBy } from '../domain/snapshot/external-facts.ts';
import { createSnapshot, type Snapshot } from '../domain/snapshot/snapshot.ts';

export interface ExternalDevices {
  /** Brings them to what the snapshot's own rows say now. Returns those that may have become others. */
  install(): ReadonlySet<number>;
}

/** `changes`: what is not in the snapshot yet, and may share more. */
export async function loadExternalDevices(
  store: Store,
  snapshot: Snapshot,
  changes: readonly Change[],
): Promise<ExternalDevices> {
  const added = <K extends 'sharedDevice' | 'shareAccept'>(kind: K): Row<K>[] =>
    changes.flatMap((change) =>
      change.kind === kind && change.after !== null ? [change.after as Row<K>] : [],
    );
  const wanted = wantedBy(
    [...snapshot.table('sharedDevice').values(), ...added('sharedDevice')],
    [...snapshot.table('shareAccept').values(), ...added('shareAccept')],
  );
  const known: ExternalFacts[] = [];
  for (const [org, what] of wanted) {
    const home = await store.get('organization', INSTALLATION, org);
    if (home === undefined) continue;
    const facts = createSnapshot(home);
    await fillWanted(store, facts, what);
    known.push({ home, facts });
  }
  return {
    install: () => {
      const touched = new Set<number>();
      for (const of of known) {
        for (const id of of.facts.devices.keys()) {
          const external = externalOf(snapshot, of, id);
          if (external === undefined && !snapshot.external.has(id)) continue;
          snapshot.setExternal(id, external);
          touched.add(id);
        }
      }
      return touched;
    },
  };
}
