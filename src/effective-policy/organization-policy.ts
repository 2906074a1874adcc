/** The policy in force in one organization, loaded once to be asked about. */
import type { Organization } from '../domain/model/people.ts';
import type { Store } from '../domain/ports/store.ts';
import { loadSnapshot, type Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Clock } from '../kernel/clock.ts';
import { createEffectivePolicy, type EffectivePolicy } from './effective-policy.ts';

export interface OrganizationPolicy {
  readonly snapshot: Snapshot;
  readonly policy: EffectivePolicy;
}

/** Throws when the stored policy file cannot be read. */
export async function loadOrganizationPolicy(
  store: Store,
  clock: Clock,
  organization: Organization,
): Promise<OrganizationPolicy> {
  const snapshot = await loadSnapshot(store, organization);
  const onError = (error: unknown): void => {
    throw error;
  };
  return { snapshot, policy: createEffectivePolicy({ snapshot, now: clock.now, onError }) };
}
