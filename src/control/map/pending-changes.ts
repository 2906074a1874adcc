/** What has changed since the streams were last told. */
import type { ViewEffects } from './network-view.ts';

export interface PendingChanges {
  /** Devices that some viewers must hear of. */
  readonly devices: Set<number>;
  /** Devices that must hear something of themselves, if only perhaps. */
  readonly own: Set<number>;
  /** Devices whose view of any other may be another. */
  readonly standing: Set<number>;
  /** Memberships whose profile changed. */
  readonly profiles: Set<number>;
  dns: boolean;
}

export const noPendingChanges = (): PendingChanges => ({
  devices: new Set(),
  own: new Set(),
  standing: new Set(),
  profiles: new Set(),
  dns: false,
});

export function addEffects(pending: PendingChanges, effects: ViewEffects): void {
  for (const id of effects.peers) pending.devices.add(id);
  for (const id of effects.own) pending.own.add(id);
  for (const id of effects.standing) {
    pending.own.add(id);
    pending.standing.add(id);
  }
}

export const isPending = (pending: PendingChanges): boolean =>
  pending.devices.size > 0 || pending.own.size > 0 || pending.profiles.size > 0 || pending.dns;
