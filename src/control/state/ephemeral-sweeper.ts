/** Takes ephemeral devices away that have been gone for a while. */
import { removeDevice } from '../../domain/devices/device-removal.ts';
import type { Store } from '../../domain/ports/store.ts';
import { type Clock, MINUTE } from '../../kernel/clock.ts';
import type { Hubs } from '../hubs.ts';

/** How long an ephemeral device may be offline. */
const MAX_ABSENCE_MS = 30 * MINUTE;

export interface EphemeralSweeperParts {
  readonly store: Store;
  readonly hubs: Hubs;
  readonly clock: Clock;
}

export function createEphemeralSweeper({ store, hubs, clock }: EphemeralSweeperParts) {
  const remove = (org: number, id: number): Promise<void> =>
    store.write(
      { orgs: [org], by: { kind: 'system', id: '', name: 'control' }, origin: 'control' },
      async (tx) => {
        const device = await tx.get('device', org, id);
        const presence = await tx.get('presence', org, { device: id });
        // It may have come back, through any process, since the snapshot was looked at.
        if (device === undefined || presence === undefined || presence.online) return;
        if (presence.lastSeen > tx.now - MAX_ABSENCE_MS) return;
        await removeDevice(tx, device);
        tx.audit(org, {
          verb: 'delete',
          objectKind: 'device',
          objectId: id,
          objectName: device.label,
          details: 'an ephemeral device that stayed away',
        });
      },
    );

  return {
    sweep: async (): Promise<void> => {
      const limit = clock.now() - MAX_ABSENCE_MS;
      for (const hub of hubs.all()) {
        for (const { device, presence } of hub.snapshot.devices.values()) {
          if (!device.ephemeral || presence === undefined || presence.online || presence.lastSeen > limit)
            continue;
          await remove(device.org, device.id);
        }
      }
    },
  };
}
