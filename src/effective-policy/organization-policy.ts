/** The policy in force in one organization, loaded once to be asked about. */
import type { Organization } from '../domain/model/people.ts';
import type { Change, Store } from '../domain/ports/store.ts';
import { loadSnapshot } from '../domain/snapshot/load.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Clock } from '../kernel/clock.ts';
import { createEffectivePolicy, type EffectivePolicy } from './effective-policy.ts';
import { type ExternalDevices, loadExternalDevices } from './external-devices.ts';

export interface OrganizationPolicy {
  readonly snapshot: Snapshot;
  readonly policy: EffectivePolicy;
  readonly external: ExternalDevices;
}

/**
 * With the devices of others that are shared, and those that `changes` would share. Throws when the stored policy file cannot be
 * read.
 */
export async function loadOrganizationPolicy(
  store: Store,
  clock: Clock,
  organization: Organization,
  changes: readonly Change[] = [],
): Promise<OrganizationPolicy> {
  const snapshot = await loadSnapshot(store, organization);
  const external = await loadExternalDevices(store, snapshot, changes);
  external.install();
  const onError = (error: unknown): void => {
    throw error;
  };
  const policy = createEffectivePolicy({ snapshot, now: clock.now, onError, cutsExpired: true });
  return { snapshot, policy, external };
}
