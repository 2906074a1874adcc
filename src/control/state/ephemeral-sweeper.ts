/** Takes ephemeral devices away that have been gone for a while. */
import { removeDevice } from '../../domain/devices/device-removal.ts';
import { EPHEMERAL } from '../../domain/devices/ephemeral.ts';
import type { EphemeralQuery } from '../../domain/ports/ephemeral-query.ts';
import type { Store } from '../../domain/ports/store.ts';
import { type Clock, MINUTE } from '../../kernel/clock.ts';

/** How long an ephemeral device may be offline. */
const MAX_ABSENCE_MS = 30 * MINUTE;
/** Devices looked at in one round; the others wait for the next. */
const AT_ONCE = 500;

export interface EphemeralSweeperParts {
  readonly store: Store;
  readonly query: EphemeralQuery;
  readonly clock: Clock;
}

export function createEphemeralSweeper({ store, query, clock }: EphemeralSweeperParts) {
  const remove = (org: number, id: number): Promise<void> =>
    store.write(
      { orgs: [org], by: { kind: 'system', id: '', name: 'control' }, origin: 'control' },
      async (tx) => {
        const device = await tx.get('device', org, id);
        const presence = await tx.get('presence', org, { device: id });
        // It may have come back, through any process, since it was found.
        if (device?.ephemeral !== true || presence?.online === true) return;
        if ((presence?.lastSeen ?? device.createdAt) > tx.now - MAX_ABSENCE_MS) return;
        await removeDevice(tx, device);
        tx.audit(org, {
          verb: 'delete',
          objectKind: 'device',
          objectId: id,
          objectName: device.label,
          before: EPHEMERAL,
          details: 'an ephemeral device that stayed away',
        });
      },
    );

  return {
    sweep: async (): Promise<void> => {
      for (const { org, device } of await query.absentSince(clock.now() - MAX_ABSENCE_MS, AT_ONCE)) {
        await remove(org, device);
      }
    },
  };
}
