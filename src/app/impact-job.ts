/** What changes of an organization's rows would do, worked out from the database alone. */
import { createRouteElections } from '../control/map/route-elections.ts';
import { type Change, INSTALLATION, type Store } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { loadOrganizationPolicy } from '../effective-policy/organization-policy.ts';
import { changesImpact, type DeriveChanges, type NamedImpact } from '../effective-policy/policy-impact.ts';
import { notFound } from '../kernel/errors.ts';

export interface ImpactJob {
  readonly kind: 'impact';
  readonly org: number;
  readonly changes: readonly Change[];
  /** The time of the question, in milliseconds. */
  readonly now: number;
}

/** The carriers of routes that these changes lead to. They are written after a change, by whoever serves the devices. */
function elected({ org, now }: ImpactJob, snapshot: Snapshot): DeriveChanges {
  const elections = createRouteElections(snapshot);
  elections.all();
  return (changes, touched) =>
    elections.after(changes, touched).map(({ network, prefix, device }) => ({
      ...{ org, seq: 0, kind: 'routePrimary' as const, key: `${network}/${prefix}`, at: now, before: null },
      after: device === undefined ? null : { org, network, prefix, device, since: now },
    }));
}

export async function impactOfChanges(store: Store, job: ImpactJob): Promise<NamedImpact> {
  const organization = await store.get('organization', INSTALLATION, job.org);
  if (organization === undefined) throw notFound('organization');
  const loaded = await loadOrganizationPolicy(store, { now: () => job.now }, organization, job.changes);
  return changesImpact(loaded, job.changes, elected(job, loaded.snapshot));
}
